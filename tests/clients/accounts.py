"""Who calls: tokens, passwords, accounts that may do some things only. The server has accounts."""

import os

import httpx
from infrahub_sdk import Config, InfrahubClient, InfrahubClientSync
from infrahub_sdk.exceptions import AuthenticationError, GraphQLError

from commands import ctl
from driver import ADDRESS, client, http, load_schema, raises

PASSWORD = os.environ["KILN_PASSWORD"]


def nobody():
    return InfrahubClient(config=Config(address=ADDRESS))


def by_password(name="admin", password=PASSWORD, kind=InfrahubClient):
    return kind(config=Config(address=ADDRESS, username=name, password=password))


async def test_00_schema():
    await load_schema()


async def test_a_token_and_a_password_may_change_things():
    c = client()
    await (await c.create(kind="DemoSite", name="by-token")).save()
    p = by_password()
    site = await p.create(kind="DemoSite", name="by-password")
    await site.save()
    site = await c.get(kind="DemoSite", name__value="by-password", property=True, include_metadata=True)
    admin = await c.get(kind="CoreAccount", name__value="admin")
    assert site.get_node_metadata().created_by.id == admin.id
    by_password(kind=InfrahubClientSync).create(kind="DemoSite", name="sync").save()
    assert await c.count(kind="DemoSite") == 3


async def test_who_proves_nothing_is_told_so_in_json():
    wrong = InfrahubClient(config=Config(address=ADDRESS, api_token="wrong-but-long-enough"))
    await raises(AuthenticationError, wrong.execute_graphql(query="{ DemoSite { count } }"), "token is unknown")
    await raises(httpx.HTTPStatusError, by_password(password="wrong").all(kind="DemoSite"), "401")
    for headers in [{"X-INFRAHUB-KEY": "wrong"}, {"Authorization": "Bearer a.b.c"}, {"Authorization": "Basic eDp5"}]:
        for path in ["/graphql/main", "/api/query/none"]:
            status, body = http("POST", path, {"query": "{ DemoSite { count } }"}, headers)
            assert status == 401 and body["errors"][0]["message"], (headers, path, body)


async def test_without_credentials_reading_goes_and_writing_does_not():
    c = nobody()
    assert await c.count(kind="DemoSite") == 3
    site = await c.create(kind="DemoSite", name="nobody")
    await raises(AuthenticationError, site.save(), "Authentication is required")
    await raises(AuthenticationError, c.get_user(), "Authentication is required")
    response = await c.schema.load(schemas=[{"version": "1.0", "nodes": []}])
    assert response.errors, response
    assert await client().count(kind="DemoSite") == 3


async def test_who_one_is_and_what_one_may_do():
    user = (await client().get_user())["AccountProfile"]
    assert user["display_label"] == "admin" and user["status"]["value"] == "active"
    permissions = await client().get_user_permissions()
    assert permissions == {"Super Administrators": ["global:super_admin:allow_all"]}, permissions
    said = ctl("info", "--detail")
    assert "Connection Error" not in said and "admin" in said and "Super Administrators" in said, said


async def test_an_account_sees_and_changes_what_its_roles_let_it():
    c = client()
    jo = await c.create(kind="CoreAccount", name="jo", password="a password of jo")
    await jo.save()
    wanted = [
        {"namespace": "Demo", "name": "*", "action": "view", "decision": 6},
        {"namespace": "Demo", "name": "Service", "action": "any", "decision": 6},
        {"namespace": "Demo", "name": "Site", "action": "view", "decision": 1},
    ]
    permissions = []
    for values in wanted:
        permission = await c.create(kind="CoreObjectPermission", **values)
        await permission.save()
        permissions.append(permission.id)
    permission = await c.create(kind="CoreGlobalPermission", action="edit_default_branch", decision=6)
    await permission.save()
    role = await c.create(kind="CoreAccountRole", name="services", permissions=[*permissions, permission.id])
    await role.save()
    await (await c.create(kind="CoreAccountGroup", name="people", roles=[role.id], members=[jo.id])).save()
    as_jo = by_password("jo", "a password of jo")
    service = await as_jo.create(kind="DemoService", name="mine")
    await service.save()
    assert await as_jo.count(kind="DemoService") == 1
    await raises(AuthenticationError, as_jo.all(kind="DemoSite"), "object:Demo:Site:view:allow_all")
    server = await as_jo.create(kind="DemoServer", name="not-mine")
    await raises(AuthenticationError, server.save(), "object:Demo:Server:create:allow_default")
    assert await c.count(kind="DemoServer") == 0
    # One field that may not be seen beside one that may: the error names it.
    query = "{ DemoService { count } DemoSite { count } }"
    await raises(AuthenticationError, as_jo.execute_graphql(query=query), "object:Demo:Site:view")
    await raises(GraphQLError, as_jo.execute_graphql(query="{ DemoServer(site__nam__value: \"x\") { count } }"))


async def test_passwords_come_back_as_nothing():
    c = client()
    account = await c.get(kind="CoreAccount", name__value="jo")
    assert account.password.value is None
    # What was read is sent back, and the password stays.
    account.description.value = "changed"
    await account.save()
    assert await by_password("jo", "a password of jo").count(kind="DemoService") == 1
