"""Branches as scripts use them: T1 section 9 as far as it is there."""

import asyncio
import os
import pathlib
import subprocess
import sys
from datetime import datetime, timedelta, timezone

from infrahub_sdk.exceptions import BranchNotFoundError, GraphQLError

from driver import ADDRESS, client, load_schema, raises


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


async def test_a_diff_by_name_and_without():
    c = client()
    await c.branch.create(branch_name="diffed")
    start = datetime.now(timezone.utc)
    tag = await c.create(kind="BuiltinTag", name="fresh", branch="diffed")
    await tag.save()
    end = datetime.now(timezone.utc) + timedelta(seconds=1)
    assert await c.create_diff(branch="diffed", name="first", from_time=start, to_time=end)
    summary = await c.get_diff_summary(branch="diffed", name="first")
    assert [(node["kind"], node["action"], node["id"]) for node in summary] == [("BuiltinTag", "ADDED", tag.id)]
    assert {element["name"] for element in summary[0]["elements"]} >= {"name"}
    assert await c.get_diff_tree(branch="diffed", name="nobody asked for it") is None
    tree = await c.get_diff_tree(branch="diffed")
    assert tree["num_added"] == 1 and tree["diff_branch"] == "diffed" and tree["num_conflicts"] == 0
    assert await c.branch.delete("diffed")


async def test_what_is_made_on_a_branch_stays_on_it():
    c = client()
    await (await c.create(kind="BuiltinTag", name="there", branch="feature/x")).save()
    assert await c.count(kind="BuiltinTag", name__value="there", branch="feature/x") == 1
    assert await c.count(kind="BuiltinTag", name__value="there") == 0
    assert await c.branch.delete("feature/x")
    assert list(await c.branch.all()) == ["main"]


async def test_a_change_is_proposed_reported_and_merged():
    c = client()
    await c.branch.create(branch_name="proposal")
    await (await c.create(kind="BuiltinTag", name="proposed", branch="proposal")).save()
    change = await c.create(kind="CoreProposedChange", name="new tag", source_branch="proposal", destination_branch="main")
    await change.save()
    change = await c.get(kind="CoreProposedChange", id=change.id, include=["validations"])
    assert change.state.value == "open" and len(change.validations.peers) >= 2
    for _ in range(200):
        validators = await c.all(kind="CoreValidator")
        if all(one.state.value == "completed" for one in validators):
            break
        await asyncio.sleep(0.05)
    assert all(one.conclusion.value == "success" for one in validators)
    program = pathlib.Path(sys.executable).parent / "infrahubctl"
    environment = {**os.environ, "INFRAHUB_ADDRESS": ADDRESS, "COLUMNS": "200"}
    report = subprocess.run([program, "branch", "report", "proposal", "--update-diff"], env=environment,
                            capture_output=True, text=True)
    said = report.stdout + report.stderr
    assert report.returncode == 0 and "Proposed change: new tag" in said, said
    change.state.value = "merged"
    await change.save()
    assert (await c.get(kind="BuiltinTag", name__value="proposed")).name.value == "proposed"
    assert (await c.branch.get("proposal")).status == "MERGED"
    await c.branch.delete("proposal")
