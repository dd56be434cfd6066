"""Branches as scripts use them: T1 section 9 as far as it is there."""

from infrahub_sdk.exceptions import BranchNotFoundError, GraphQLError

from driver import client, load_schema, raises


async def test_00_schema():
    await load_schema()


async def test_branches_are_made_listed_and_deleted():
    c = client()
    made = await c.branch.create(branch_name="feature/x", description="words", sync_with_git=False)
    assert made.name == "feature/x" and not made.is_default and made.description == "words"
    everything = await c.branch.all()
    assert [name for name, branch in everything.items() if branch.is_default] == ["main"]
    assert (await c.branch.get("feature/x")).id == made.id
    await raises(BranchNotFoundError, c.branch.get("none"))
    await raises(GraphQLError, c.branch.create(branch_name="feature/x"))
    await raises(GraphQLError, c.execute_graphql(query="{ BuiltinTag { count } }", branch_name="none"))
    await raises(BranchNotFoundError, client().schema.all(branch="none"))


async def test_what_is_made_on_a_branch_stays_on_it():
    c = client()
    await (await c.create(kind="BuiltinTag", name="there", branch="feature/x")).save()
    assert await c.count(kind="BuiltinTag", name__value="there", branch="feature/x") == 1
    assert await c.count(kind="BuiltinTag", name__value="there") == 0
    assert await c.branch.delete("feature/x")
    assert list(await c.branch.all()) == ["main"]
