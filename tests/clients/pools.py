"""Pools as scripts use them: T1 section 12 of the wire contract."""

import ipaddress

from infrahub_sdk.convert_object_type import ConversionFieldInput, ConversionFieldValue
from infrahub_sdk.exceptions import GraphQLError

from driver import client, client_sync, load_schema, raises


async def pool(c, kind, name, **more):
    made = await c.create(kind=kind, name=name, ip_namespace={"id": "default"}, **more)
    await made.save(allow_upsert=True)
    return made


async def test_00_schema():
    await load_schema()
    c = client()
    for prefix in ["10.0.0.0/28", "10.1.0.0/16", "10.2.0.0/30"]:
        await (await c.create(kind="IpamPrefix", prefix=prefix)).save()


async def test_an_address_is_allocated_and_kept_by_its_identifier():
    c = client()
    parent = await c.get(kind="IpamPrefix", prefix__value="10.0.0.0/28")
    addresses = await pool(c, "CoreIPAddressPool", "addresses", default_address_type="IpamIPAddress",
                           default_prefix_length=32, resources=[parent])
    one = await c.allocate_next_ip_address(resource_pool=addresses, identifier="srv-1", prefix_length=32,
                                           address_type="IpamIPAddress", data={"description": "first"})
    assert one.address.value == ipaddress.ip_interface("10.0.0.1/32"), one.address.value
    assert one.description.value == "first"
    again = await c.allocate_next_ip_address(resource_pool=addresses, identifier="srv-1", prefix_length=32,
                                             address_type="IpamIPAddress")
    assert again.id == one.id
    other = await c.allocate_next_ip_address(resource_pool=addresses, identifier="srv-2")
    assert other.address.value == ipaddress.ip_interface("10.0.0.2/32")
    anonymous = await c.allocate_next_ip_address(resource_pool=addresses)
    assert anonymous.address.value == ipaddress.ip_interface("10.0.0.3/32")
    await other.delete()
    refill = await c.allocate_next_ip_address(resource_pool=addresses, identifier="srv-9")
    assert refill.address.value == ipaddress.ip_interface("10.0.0.2/32")


async def test_a_prefix_is_allocated_and_kept_by_its_identifier():
    c = client()
    parent = await c.get(kind="IpamPrefix", prefix__value="10.1.0.0/16")
    prefixes = await pool(c, "CoreIPPrefixPool", "prefixes", default_prefix_type="IpamPrefix",
                          default_prefix_length=24, default_member_type="address", resources=[parent])
    one = await c.allocate_next_ip_prefix(resource_pool=prefixes, identifier="net-1", prefix_length=24,
                                          member_type="address", prefix_type="IpamPrefix")
    assert one.prefix.value == ipaddress.ip_network("10.1.0.0/24") and one.member_type.value == "address"
    assert (await c.allocate_next_ip_prefix(resource_pool=prefixes, identifier="net-1", prefix_length=24,
                                            member_type="address", prefix_type="IpamPrefix")).id == one.id
    two = await c.allocate_next_ip_prefix(resource_pool=prefixes, identifier="net-2")
    assert two.prefix.value == ipaddress.ip_network("10.1.1.0/24")
    read = await c.get(kind="IpamPrefix", id=two.id, include=["parent"])
    assert read.parent.id == parent.id
    await raises(GraphQLError, c.execute_graphql(query="mutation { InfrahubIPPrefixPoolGetResource(data: { "
                                                       "hfid: [\"prefixes\"] member_type: \"none\" }) { ok } }"),
                 "Invalid member_type value, allowed values are ['prefix', 'address']")


async def test_exhaustion_is_an_error():
    c = client()
    parent = await c.get(kind="IpamPrefix", prefix__value="10.2.0.0/30")
    small = await pool(c, "CoreIPAddressPool", "small", default_address_type="IpamIPAddress",
                       default_prefix_length=32, resources=[parent])
    for name in ["a", "b"]:
        assert await c.allocate_next_ip_address(resource_pool=small, identifier=name)
    await raises(GraphQLError, c.allocate_next_ip_address(resource_pool=small, identifier="c"))
    assert (await c.allocate_next_ip_address(resource_pool=small, identifier="a")).address.value


async def test_a_node_draws_and_keeps_what_it_was_given():
    c = client()
    numbers = await c.create(kind="CoreNumberPool", name="vlans", node="DemoServer", node_attribute="vlan_id",
                             start_range=100, end_range=103)
    await numbers.save()
    addresses = await c.get(kind="CoreIPAddressPool", name__value="addresses")
    prefixes = await c.get(kind="CoreIPPrefixPool", name__value="prefixes")
    first = None
    for _ in range(2):
        server = await c.create(kind="DemoServer", name="web1", vlan_id=numbers, primary_ip=addresses, subnet=prefixes)
        await server.save(allow_upsert=True)
        assert server.vlan_id.value == 100
        read = await c.get(kind="DemoServer", name__value="web1", include=["primary_ip", "subnet"], property=True)
        seen = (read.vlan_id.value, read.primary_ip.id, read.subnet.id)
        assert first in (None, seen), (first, seen)
        first = seen
        assert read.vlan_id.source.id == numbers.id and read.primary_ip.source == addresses.id
    named = await c.create(kind="DemoServer", name="web2", vlan_id={"from_pool": {"id": numbers.id, "identifier": "x"}})
    for _ in range(2):
        # What was asked of the pool is asked again with every later change of the same object.
        await named.save()
        assert named.vlan_id.value == 101
        named.cores.value = 2
    assert (await c.get(kind="DemoServer", name__value="web2")).vlan_id.value == 101
    for name in ["web3", "web4"]:
        await (await c.create(kind="DemoServer", name=name, vlan_id=numbers)).save()
    full = await c.create(kind="DemoServer", name="web5", vlan_id=numbers)
    await raises(GraphQLError, full.save())
    assert await c.count(kind="DemoServer", name__value="web5") == 0
    await (await c.get(kind="DemoServer", name__value="web3")).delete()
    await full.save()
    assert full.vlan_id.value == 102


async def test_many_at_once_never_share():
    c = client()
    addresses = await c.get(kind="CoreIPAddressPool", name__value="addresses")
    batch = await c.create_batch()
    for number in range(8):
        batch.add(task=c.allocate_next_ip_address, resource_pool=addresses, identifier=f"batch-{number}")
    found = [node.address.value async for _, node in batch.execute()]
    assert len(set(found)) == 8, found


async def test_reports():
    c = client()
    numbers = await c.get(kind="CoreNumberPool", name__value="vlans")
    held = await numbers.get_pool_allocated_resources(resource=numbers)
    assert sorted(n.name.value for n in held) == ["web1", "web2", "web4", "web5"]
    use = await numbers.get_pool_resources_utilization()
    assert len(use) == 1 and use[0]["utilization"] == 100, use
    addresses = await c.get(kind="CoreIPAddressPool", name__value="addresses", include=["resources"])
    parent = await c.get(kind="IpamPrefix", prefix__value="10.0.0.0/28")
    held = await addresses.get_pool_allocated_resources(resource=parent)
    assert len(held) == await c.count(kind="IpamIPAddress", ip_prefix__ids=[parent.id])
    use = await addresses.get_pool_resources_utilization()
    assert use[0]["id"] == parent.id and 0 < use[0]["utilization"] <= 100
    answer = await c.execute_graphql(query="query($id: String!) { InfrahubIPPrefixGetNextAvailable(prefix_id: $id, "
                                           "prefix_length: 24) { prefix } InfrahubIPAddressGetNextAvailable("
                                           "prefix_id: $id) { address } }",
                                     variables={"id": (await c.get(kind="IpamPrefix", prefix__value="10.1.0.0/16")).id})
    assert answer["InfrahubIPPrefixGetNextAvailable"]["prefix"] == "10.1.3.0/24", answer
    assert answer["InfrahubIPAddressGetNextAvailable"]["address"].startswith("10.1."), answer
    before = await c.count(kind="CoreResourcePool")
    assert before == 4


async def test_an_address_pool_is_left_when_its_objects_go():
    c = client()
    server = await c.get(kind="DemoServer", name__value="web1", include=["primary_ip"])
    address = server.primary_ip.id
    await server.delete()
    assert await c.count(kind="IpamIPAddress", ids=[address]) == 1
    await (await c.get(kind="IpamIPAddress", id=address)).delete()
    assert await c.count(kind="IpamIPAddress", ids=[address]) == 0


async def test_an_object_becomes_one_of_another_kind_and_keeps_its_number():
    c = client()
    await c.schema.load(schemas=[{
        "version": "1.0",
        "generics": [{"name": "Port", "namespace": "Demo", "attributes": [
            {"name": "name", "kind": "Text", "unique": True},
            {"name": "number", "kind": "Number", "optional": True}]}],
        "nodes": [
            {"name": "AccessPort", "namespace": "Demo", "inherit_from": ["DemoPort"]},
            {"name": "TrunkPort", "namespace": "Demo", "inherit_from": ["DemoPort"], "attributes": [
                {"name": "mtu", "kind": "Number"}], "relationships": [
                {"name": "label", "peer": "BuiltinTag", "cardinality": "one", "kind": "Attribute", "optional": True}]}],
    }], wait_until_converged=True)
    numbers = await c.create(kind="CoreNumberPool", name="ports", node="DemoPort", node_attribute="number",
                             start_range=1, end_range=9)
    await numbers.save()
    port = await c.create(kind="DemoAccessPort", name="p1", number=numbers)
    await port.save()
    tag = await c.create(kind="BuiltinTag", name="blue-port")
    await tag.save()
    await raises(GraphQLError, c.convert_object_type(node_id=port.id, target_kind="DemoTrunkPort"), "mtu is mandatory")
    mapping = {"mtu": ConversionFieldInput(data=ConversionFieldValue(attribute_value=9000)),
               "label": ConversionFieldInput(data=ConversionFieldValue(peer_id=tag.id)),
               "number": ConversionFieldInput(source_field="number")}
    trunk = await c.convert_object_type(node_id=port.id, target_kind="DemoTrunkPort", fields_mapping=mapping)
    assert trunk.get_kind() == "DemoTrunkPort" and trunk.id != port.id
    assert (trunk.name.value, trunk.mtu.value, trunk.number.value) == ("p1", 9000, 1)
    assert await c.count(kind="DemoAccessPort") == 0
    read = await c.get(kind="DemoTrunkPort", id=trunk.id, include=["label"], property=True)
    assert read.label.id == tag.id and read.number.source.id == numbers.id
    after = await c.create(kind="DemoAccessPort", name="p2", number=numbers)
    await after.save()
    assert after.number.value == 2


def test_the_sync_client_allocates_too():
    c = client_sync()
    addresses = c.get(kind="CoreIPAddressPool", name__value="addresses")
    one = c.allocate_next_ip_address(resource_pool=addresses, identifier="srv-1", prefix_length=32,
                                     address_type="IpamIPAddress")
    assert one.address.value == ipaddress.ip_interface("10.0.0.1/32")
