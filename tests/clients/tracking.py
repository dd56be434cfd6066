"""Tracking, generators and stored queries as scripts use them: T1 sections 10 and 11."""

from infrahub_sdk.exceptions import GraphQLError
from infrahub_sdk.generator import InfrahubGenerator
from infrahub_sdk.node import InfrahubNode

from driver import client, client_sync, http, load_schema, raises

QUERY = """
query Service($name: String!) {
    DemoService(name__value: $name) {
        edges { node { id __typename name { value } size { value } } }
    }
}
"""


async def test_00_schema():
    await load_schema()
    c = client()
    await (await c.create(kind="CoreGraphQLQuery", name="service", query=QUERY)).save()
    for name in ["shop", "blog"]:
        await (await c.create(kind="DemoService", name=name)).save()


async def group(c, name, kind="CoreStandardGroup"):
    return await c.get(kind=kind, name__value=name, include=["members"], raise_when_missing=False)


async def track(c, names, **more):
    async with c.start_tracking(identifier="tags", params={"n": "a/b"}, delete_unused_nodes=True, **more) as t:
        for name in names:
            node = await t.create(kind="BuiltinTag", name=name)
            await node.save(allow_upsert=True)


async def test_what_a_later_run_no_longer_makes_goes():
    await track(client(), ["t1", "t2", "t3"])
    c = client()
    found = await c.filters(kind="CoreStandardGroup", name__value="tags-", partial_match=True, include=["members"])
    assert len(found) == 1 and len(found[0].members.peers) == 3
    assert found[0].description.value == "n: a/b"
    await track(client(), ["t1", "t4"])
    left = sorted(t.name.value for t in await c.all(kind="BuiltinTag"))
    assert left == ["t1", "t4"], left
    assert len((await group(c, found[0].name.value)).members.peers) == 2


async def test_an_exception_keeps_everything():
    c = client()
    try:
        async with c.start_tracking(identifier="tags", params={"n": "a/b"}, delete_unused_nodes=True) as t:
            await (await t.create(kind="BuiltinTag", name="t5")).save(allow_upsert=True)
            raise KeyError("stop")
    except KeyError:
        pass
    assert sorted(t.name.value for t in await client().all(kind="BuiltinTag")) == ["t1", "t4", "t5"]


async def test_what_a_stale_parent_takes_along_is_forgiven():
    c = client()
    async with c.start_tracking(identifier="srv", delete_unused_nodes=True) as t:
        server = await t.create(kind="DemoServer", name="s1")
        await server.save()
        for number in range(3):
            await (await t.create(kind="DemoNic", name=f"eth{number}", server=server)).save()
    c = client()
    async with c.start_tracking(identifier="srv", delete_unused_nodes=True) as t:
        await (await t.create(kind="DemoServer", name="s2")).save()
    c = client()
    assert await c.count(kind="DemoNic") == 0
    assert [s.name.value for s in await c.all(kind="DemoServer")] == ["s2"]


CABLES = {"version": "1.0", "nodes": [{"name": "Cable", "namespace": "Demo", "attributes": [{"name": "name", "kind": "Text", "unique": True}],
          "relationships": [{"name": "server", "peer": "DemoServer", "cardinality": "one", "kind": "Attribute", "optional": False}]}]}


async def test_what_others_need_goes_after_them():
    """The client deletes in the order in which it was told the members: who is needed must come last."""
    response = await client().schema.load(schemas=[CABLES])
    assert not response.errors, response.errors
    for kind in [client, client_sync]:
        for names in [["a", "b"], ["c"]]:
            c = kind()
            if kind is client:
                async with c.start_tracking(identifier="cabled", delete_unused_nodes=True) as t:
                    for name in names:
                        server = await t.create(kind="DemoServer", name=f"cabled-{name}")
                        await server.save(allow_upsert=True)
                        await (await t.create(kind="DemoCable", name=name, server=server)).save(allow_upsert=True)
            else:
                with c.start_tracking(identifier="cabled", delete_unused_nodes=True) as t:
                    for name in names:
                        server = t.create(kind="DemoServer", name=f"cabled-{name}")
                        server.save(allow_upsert=True)
                        t.create(kind="DemoCable", name=name, server=server).save(allow_upsert=True)
            left = await client().filters(kind="DemoServer", name__value="cabled-", partial_match=True)
            assert sorted(s.name.value for s in left) == [f"cabled-{name}" for name in names], left
            assert await client().count(kind="DemoCable") == len(names)


class Servers(InfrahubGenerator):
    async def generate(self, data):
        node = data["DemoService"]["edges"][0]["node"]
        for number in range(node["size"]["value"]):
            server = await self.client.create(kind="DemoServer", name=f"{node['name']['value']}-{number}")
            await server.save(allow_upsert=True)


def generator(c, **more):
    return Servers(query="service", client=c, infrahub_node=InfrahubNode, branch="main", params={"name": "shop"}, **more)


async def test_a_generator_runs_and_shrinks():
    c = client()
    await generator(c).run(identifier="servers")
    count = lambda: c.count(kind="DemoServer", name__value="shop-", partial_match=True)
    assert await count() == 2
    groups = await c.filters(kind="CoreGeneratorGroup", include=["members"])
    assert len(groups) == 1 and groups[0].name.value.startswith("servers-") and len(groups[0].members.peers) == 2
    service = await c.get(kind="DemoService", name__value="shop")
    for size in [4, 1]:
        service.size.value = size
        await service.save()
        await generator(c).run(identifier="servers")
        assert await count() == size
    await generator(c, execute_after_merge=False).run(identifier="aware")
    assert await c.count(kind="CoreGeneratorAwareGroup") == 1


async def test_the_hash_of_a_group_is_that_of_its_params():
    c = client()
    async with c.start_tracking(identifier="id", params={"name": "web1"}, delete_unused_nodes=True) as t:
        await (await t.create(kind="BuiltinTag", name="hash")).save()
    assert await group(client(), "id-ef47cbc1498f283de3cc16ef434d59e0")


async def test_a_generator_with_nodes_instead_of_json():
    class Converted(InfrahubGenerator):
        async def generate(self, data):
            assert self.nodes[0].name.value == "blog", self.nodes

    await Converted(query="service", client=client(), infrahub_node=InfrahubNode, branch="main",
                    params={"name": "blog"}, convert_query_response=True).run(identifier="converted")


async def test_a_stored_query_keeps_its_group():
    c = client()
    service = await c.get(kind="DemoService", name__value="blog")
    for _ in range(2):
        answer = await c.query_gql_query(name="service", variables={"name": "blog"}, update_group=True,
                                         subscribers=[service.id])
        assert answer["data"]["DemoService"]["edges"][0]["node"]["id"] == service.id
    groups = await c.filters(kind="CoreGraphQLQueryGroup", members__ids=[service.id], include=["members", "subscribers"])
    assert len(groups) == 1
    assert groups[0].members.peer_ids == [service.id] and groups[0].subscribers.peer_ids == [service.id]
    assert groups[0].parameters.value == {"name": "blog"}
    status, body = http("POST", "/api/query/none?branch=main", {"variables": {}})
    assert status == 404 and body["errors"], (status, body)
    status, body = http("POST", "/api/query/service?branch=main")
    assert status >= 400 and body["errors"], (status, body)
    status, body = http("GET", "/api/query/service?branch=main&name=blog&")
    assert status == 200 and body["data"]["DemoService"]["edges"], (status, body)


async def test_groups():
    c = client()
    tag = await c.get(kind="BuiltinTag", name__value="t1")
    made = await c.create(kind="CoreStandardGroup", name="mine", members=[tag])
    await made.save()
    node = await c.create(kind="BuiltinTag", name="joins", member_of_groups=[made])
    await node.save()
    assert len((await group(c, "mine")).members.peers) == 2
    found = await c.get(kind="CoreGroup", name__value="mine", include=["members"])
    await found.members.fetch()
    assert sorted(p.peer.name.value for p in found.members.peers) == ["joins", "t1"]
    await node.delete()
    assert (await group(c, "mine")).members.peer_ids == [tag.id]


def test_the_sync_client_tracks_too():
    for names in [["y1", "y2"], ["y2"]]:
        c = client_sync()
        with c.start_tracking(identifier="sync", delete_unused_nodes=True) as t:
            for name in names:
                t.create(kind="BuiltinTag", name=name).save(allow_upsert=True)
    c = client_sync()
    assert c.count(kind="BuiltinTag", name__values=["y1", "y2"]) == 1


async def test_deleting_twice_says_what_the_tracker_forgives():
    c = client()
    node = await c.create(kind="BuiltinTag", name="twice")
    await node.save()
    await node.delete()
    await raises(GraphQLError, node.delete(), "Unable to find the node")
