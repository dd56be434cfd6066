"""Reading and writing objects as scripts do: T1 sections 4 to 8 of the wire contract."""

from infrahub_sdk.exceptions import GraphQLError, NodeNotFoundError

from driver import client, client_sync, load_schema, raises


async def test_00_schema():
    response = await load_schema()
    assert response.schema_updated
    again = await load_schema()
    assert not again.schema_updated


async def test_every_kind_reads_as_the_client_wants_it():
    schemas = await client().schema.all()
    for kind in ["CoreStandardGroup", "CoreGeneratorGroup", "CoreGroup", "CoreResourcePool", "CoreNode",
                 "CoreIPAddressPool", "CoreIPPrefixPool", "BuiltinIPPrefix", "CoreGraphQLQuery", "CoreAccount",
                 "CoreRepository", "CoreArtifact", "CoreArtifactDefinition", "CoreProposedChange", "DemoServer"]:
        assert kind in schemas, kind
    server = schemas["DemoServer"]
    assert "DemoDevice" in server.inherit_from and "CoreNode" in server.inherit_from
    assert server.human_friendly_id == ["name__value"]
    assert {r.name for r in server.relationships} >= {"member_of_groups", "subscriber_of_groups", "site", "tags"}
    assert next(a for a in server.attributes if a.name == "name").inherited
    assert "DemoServer" in schemas["DemoDevice"].used_by


async def test_create_get_update_delete():
    c = client()
    site = await c.create(kind="DemoSite", name="ams")
    await site.save()
    tag = await c.create(kind="BuiltinTag", name="red")
    await tag.save()
    server = await c.create(kind="DemoServer", name="s1", cores=8, alive=True, site=site, tags=[tag],
                            status="active", facts={"a": [1, {"b": "x 😀 é"}]}, words=["a", "b 😀"],
                            since="2026-01-02T03:04:05+00:00", page="https://example.com/?a=1&b=2", note="x: \"y\" 😀 é\n")
    await server.save()
    assert server.id
    read = await c.get(kind="DemoServer", name__value="s1")
    assert read.id == server.id
    assert read.cores.value == 8 and read.alive.value is True and read.status.value == "active"
    assert read.facts.value == {"a": [1, {"b": "x 😀 é"}]} and read.words.value == ["a", "b 😀"]
    assert read.note.value == "x: \"y\" 😀 é\n" and read.page.value == "https://example.com/?a=1&b=2"
    assert read.site.id == site.id and read.tags.peer_ids == [tag.id]
    assert read.hfid == ["s1"] and read.display_label == "s1"
    await read.site.fetch()
    assert read.site.peer.name.value == "ams"
    read.cores.value = 16
    read.site = None
    await read.save()
    again = await c.get(kind="DemoServer", id=server.id)
    assert again.cores.value == 16 and again.site.id is None and again.note.value == "x: \"y\" 😀 é\n"
    again.note.value = None
    await again.save()
    assert (await c.get(kind="DemoServer", hfid=["s1"])).note.value is None
    await again.delete()
    await raises(NodeNotFoundError, c.get(kind="DemoServer", name__value="s1"))
    await raises(GraphQLError, again.delete(), "Unable to find the node")


async def test_upserts_find_what_is_there():
    c = client()
    for cores in [1, 2, 2]:
        node = await c.create(kind="DemoServer", name="up", cores=cores)
        await node.save(allow_upsert=True)
    found = await c.filters(kind="DemoServer", name__value="up")
    assert len(found) == 1 and found[0].cores.value == 2
    nic = await c.create(kind="DemoNic", name="eth0", server=["up"])
    await nic.save(allow_upsert=True)
    twin = await c.create(kind="DemoNic", name="eth0", server={"hfid": ["up"], "kind": "DemoServer"})
    await twin.save(allow_upsert=True)
    assert nic.id == twin.id
    await raises(GraphQLError, (await c.create(kind="DemoServer", name="up")).save(), "uniqueness constraint")


async def test_filters_pages_and_counts():
    c = client()
    batch = await c.create_batch()
    for number in range(107):
        node = await c.create(kind="DemoRouter", name=f"r{number:03}", model="a" if number % 2 else "b")
        batch.add(task=node.save, node=node)
    async for _ in batch.execute():
        pass
    everything = await c.all(kind="DemoRouter")
    assert [n.name.value for n in everything] == [f"r{number:03}" for number in range(107)]
    assert len(await c.all(kind="DemoRouter", parallel=True)) == 107
    assert await c.count(kind="DemoRouter") == 107
    assert await c.count(kind="DemoRouter", model__value="a") == 53
    assert len(await c.filters(kind="DemoRouter", name__values=["r001", "r002", "none"])) == 2
    assert len(await c.filters(kind="DemoRouter", name__value="00", partial_match=True)) == 11
    assert len(await c.filters(kind="DemoRouter", any__value="r005")) == 1
    assert len(await c.filters(kind="DemoRouter", note__isnull=True, offset=0, limit=10)) == 10
    assert len(await c.filters(kind="DemoRouter", ids=[everything[3].id])) == 1
    devices = await c.all(kind="DemoDevice")
    assert {d.typename for d in devices} == {"DemoRouter", "DemoServer"}
    assert len(await c.filters(kind="DemoRouter", name__value="none")) == 0
    await raises(GraphQLError, c.filters(kind="DemoRouter", colour__value="x"))


async def test_a_total_that_fills_its_pages_ends_with_an_empty_one():
    c = client(pagination_size=2)
    for name in ["p1", "p2", "p3", "p4"]:
        await (await c.create(kind="BuiltinTag", name=name)).save()
    found = await c.filters(kind="BuiltinTag", name__values=["p1", "p2", "p3", "p4"])
    assert sorted(t.name.value for t in found) == ["p1", "p2", "p3", "p4"]


async def test_relationships():
    c = client()
    server = await c.create(kind="DemoServer", name="rel", tags=[["p1"], {"hfid": ["p2"]}])
    await server.save()
    server = await c.get(kind="DemoServer", name__value="rel")
    await server.tags.fetch()
    assert sorted(t.display_label for t in server.tags.peers) == ["p1", "p2"]
    extra = await c.get(kind="BuiltinTag", name__value="p3")
    await server.add_relationships(relation_to_update="tags", related_nodes=[extra.id])
    read = await c.get(kind="DemoServer", name__value="rel", include=["tags"])
    assert len(read.tags.peers) == 3
    await server.remove_relationships(relation_to_update="tags", related_nodes=[extra.id])
    read = await c.get(kind="DemoServer", name__value="rel", prefetch_relationships=True)
    assert len(read.tags.peers) == 2
    assert sorted(p.peer.name.value for p in read.tags.peers) == ["p1", "p2"]
    read.tags.remove(read.tags.peers[0].id)
    await read.save()
    assert len((await c.get(kind="DemoServer", name__value="rel")).tags.peers) == 1
    one = await c.filters(kind="DemoServer", tags__name__value="p2")
    other = await c.filters(kind="DemoServer", tags__name__value="p1")
    assert len(one) + len(other) == 1


async def test_peers_are_given_twice_or_not_at_all():
    c = client()
    tags = [await c.get(kind="BuiltinTag", name__value=name) for name in ["p1", "p2"]]
    server = await c.create(kind="DemoServer", name="twice", tags=[tags[0], tags[0].id, tags[1], ["p2"]])
    await server.save()
    read = await c.get(kind="DemoServer", name__value="twice", include=["tags"])
    assert sorted(read.tags.peer_ids) == sorted(tag.id for tag in tags)
    # The client does not send that the last one goes; in the words that it would use, an empty list empties.
    await c.execute_graphql(query=f"mutation {{ DemoServerUpdate(data: {{ id: \"{server.id}\" tags: [] }}) {{ ok }} }}")
    assert (await c.get(kind="DemoServer", name__value="twice", include=["tags"])).tags.peer_ids == []
    # An update that carries nothing but an id changes nothing.
    answer = await c.execute_graphql(query=f"mutation {{ DemoServerUpdate(data: {{ id: \"{server.id}\" }}) {{ ok object {{ id }} }} }}")
    assert answer["DemoServerUpdate"] == {"ok": True, "object": {"id": server.id}}, answer


async def test_all_peers_are_told_however_many():
    c = client()
    tags = []
    batch = await c.create_batch()
    for number in range(130):
        tag = await c.create(kind="BuiltinTag", name=f"many-{number:03}")
        tags.append(tag)
        batch.add(task=tag.save, node=tag)
    async for _ in batch.execute():
        pass
    group = await c.create(kind="CoreStandardGroup", name="of many", members=tags)
    await group.save()
    read = await c.get(kind="CoreStandardGroup", name__value="of many", include=["members"])
    assert set(read.members.peer_ids) == {tag.id for tag in tags}
    await read.members.fetch()
    assert {peer.peer.name.value for peer in read.members.peers} == {tag.name.value for tag in tags}
    # By the text that the schema names first.
    assert (await c.get(kind="CoreStandardGroup", id="of many")).id == group.id


async def test_both_ends_keep_in_step():
    c = client()
    a = await c.create(kind="DemoSite", name="site-a")
    await a.save()
    b = await c.create(kind="DemoSite", name="site-b")
    await b.save()
    server = await c.create(kind="DemoServer", name="moved", site=a)
    await server.save()
    b = await c.get(kind="DemoSite", id=b.id, include=["servers"])
    b.servers.add(server.id)
    await b.save()
    assert (await c.get(kind="DemoServer", id=server.id)).site.id == b.id
    read = await c.get(kind="DemoSite", id=a.id, include=["servers"])
    assert read.servers.peer_ids == []


async def test_properties_and_metadata():
    c = client()
    account = await c.create(kind="CoreAccount", name="robot")
    await account.save()
    server = await c.create(kind="DemoServer", name={"value": "meta", "is_protected": True, "source": account.id,
                                                     "owner": account.id},
                            site={"hfid": ["site-a"], "_relation__is_protected": True, "_relation__source": account.id})
    await server.save()
    read = await c.get(kind="DemoServer", name__value="meta", property=True)
    assert read.name.is_protected and read.name.source.id == account.id and read.name.owner.id == account.id
    assert read.site.is_protected and read.site.source == account.id
    assert read.name.updated_at and read.cores.is_default
    # What was read is sent back, output and all.
    read.cores.value = 5
    await read.save(update_group_context=False)
    bare = await c.get(kind="DemoServer", name__value="moved", property=True)
    bare.note.value = "n"
    await bare.save()
    meta = await c.get(kind="DemoServer", name__value="meta", include_metadata=True)
    data = meta.get_node_metadata()
    assert data.created_at and data.updated_at and data.created_by and data.updated_by
    assert meta.name.updated_by and meta.name.updated_at
    assert meta.site.get_relationship_metadata().updated_at and meta.site.get_relationship_metadata().updated_by
    assert [n.id for n in await c.filters(kind="DemoServer", name__source__id=account.id)] == [server.id]
    assert [n.id for n in await c.filters(kind="DemoServer", name__owner__id=account.id)] == [server.id]
    assert await c.count(kind="DemoServer", name__is_protected=True) == 1


async def test_numbers_of_sixty_four_bits():
    c = client()
    for number in [0, -1, 2**31, 4294967295, 2**63 - 1, -(2**63)]:
        node = await c.create(kind="DemoServer", name="big", asn=number)
        await node.save(allow_upsert=True)
        assert (await c.get(kind="DemoServer", name__value="big")).asn.value == number
        assert await c.count(kind="DemoServer", asn__value=number) == 1
    await raises(GraphQLError, (await c.create(kind="DemoServer", name="big", asn=2**63)).save(allow_upsert=True))
    pool = await c.create(kind="CoreNumberPool", name="all numbers", node="DemoServer", node_attribute="asn",
                          start_range=2**63 - 2, end_range=2**63 - 1)
    await pool.save()
    for name, number in [("last-1", 2**63 - 2), ("last", None)]:
        server = await c.create(kind="DemoServer", name=name, asn=pool)
        # The very last number is another server's already.
        if number is None:
            await (await c.create(kind="DemoServer", name="big", asn=2**63 - 1)).save(allow_upsert=True)
            await raises(GraphQLError, server.save())
            continue
        await server.save()
        assert server.asn.value == number


async def test_wrong_values_leave_nothing():
    c = client()
    before = await c.count(kind="DemoServer")
    await raises(GraphQLError, (await c.create(kind="DemoServer", name="bad", status="none")).save(), "must be one of")
    await raises(GraphQLError, (await c.create(kind="DemoServer", cores=1)).save(), "name is mandatory for DemoServer")
    await raises(GraphQLError, (await c.create(kind="DemoServer", name="bad", site=["nowhere"])).save(), "Unable to find")
    assert await c.count(kind="DemoServer") == before


async def test_generics_and_fragments():
    c = client()
    found = await c.filters(kind="DemoDevice", name__values=["r001", "moved"], fragment=True)
    assert sorted(n.typename for n in found) == ["DemoRouter", "DemoServer"]
    router = next(n for n in found if n.typename == "DemoRouter")
    assert router.model.value == "a"


async def test_raw_documents():
    c = client()
    answer = await c.execute_graphql(
        query="query Q($name: String = \"r001\", $extra: Int) { a: DemoRouter(name__value: $name) { count ...E } } "
              "fragment E on PaginatedDemoRouter { edges { node { ... on DemoRouter { n: name { value } } } } }",
        variables={"undeclared": 1})
    assert answer["a"]["edges"][0]["node"]["n"]["value"] == "r001", answer
    await raises(GraphQLError, c.execute_graphql(query="{ DemoRouter { nothing } }"))


def test_the_sync_client_does_the_same():
    c = client_sync()
    node = c.create(kind="DemoServer", name="sync", tags=[["p1"]])
    node.save(allow_upsert=True)
    read = c.get(kind="DemoServer", name__value="sync", include=["tags"])
    assert read.id == node.id and len(read.tags.peers) == 1
    read.tags.fetch()
    assert read.tags.peers[0].peer.name.value == "p1"
    batch = c.create_batch()
    for number in range(10):
        one = c.create(kind="DemoServer", name=f"sync-{number}")
        batch.add(task=one.save, node=one, allow_upsert=True)
    for _ in batch.execute():
        pass
    assert c.count(kind="DemoServer", name__value="sync-", partial_match=True) == 10
    read.delete()
    assert c.count(kind="DemoServer", name__value="sync") == 0
