"""What generates code from the types takes them: they are right to the letter, and what is made of them works."""

import importlib
import os
import pathlib
import subprocess
import sys

from graphql import build_schema, parse, validate, validate_schema

from driver import ADDRESS, http, load_schema

SCRATCH = pathlib.Path(os.environ["KILN_SCRATCH"])

# What a typed client has in its files: every form of operation, with variables of the declared types.
OPERATIONS = """
query Servers($name: String, $cores: [BigInt], $limit: Int, $order: OrderInput) {
  DemoServer(name__value: $name, cores__values: $cores, limit: $limit, order: $order) {
    count
    edges {
      node {
        kind: __typename
        id
        hfid
        name { value is_protected updated_at source { id display_label } }
        cores { value is_default }
        facts { value }
        site { node { id name { value } } properties { is_protected } }
        tags { count edges { node { display_label } } }
        member_of_groups { edges { node { display_label ... on CoreStandardGroup { group_type { value } } } } }
      }
      node_metadata { created_at updated_by { display_label } }
    }
  }
}

query Devices { DemoDevice { edges { node { __typename id ... on DemoServer { cores { value } } ... on DemoRouter { model { value } } } } } }

mutation UpsertServer($data: DemoServerUpsertInput!) { DemoServerUpsert(data: $data) { ok object { id name { value } cores { value } } } }
mutation CreateServer($data: DemoServerCreateInput!, $context: ContextInput) { DemoServerCreate(data: $data, context: $context) { ok object { id } } }
mutation UpdateServer($data: DemoServerUpdateInput!) { DemoServerUpdate(data: $data) { ok } }
mutation DeleteServer($data: DeleteInput!) { DemoServerDelete(data: $data) { ok } }
mutation Draw($data: IPAddressPoolGetResourceInput!) { InfrahubIPAddressPoolGetResource(data: $data) { ok node { id kind display_label branch identifier } } }
mutation MakeBranch($data: BranchCreateInput!) { BranchCreate(data: $data) { ok object { id name status } } }

query Info { InfrahubInfo { deployment_id version } InfrahubStatus { summary { schema_hash_synced } } }
query Tasks { InfrahubTask(limit: 1, state: [COMPLETED]) { count edges { node { id title state created_at updated_at related_nodes { id kind } } } } }
query Events($since: DateTime) { InfrahubEvent(since: $since, limit: 1) { count edges { node { id event occurred_at ... on NodeMutatedEvent { attributes { name action value } } } } } }
query Branches { InfrahubBranch { count default_branch { name { value } } edges { node { name { value } status { value } } } } }
"""

SETTINGS = """
[tool.ariadne-codegen]
schema_path = "schema.graphql"
queries_path = "operations.graphql"
target_package_name = "made"
[tool.ariadne-codegen.scalars.BigInt]
type = "int"
[tool.ariadne-codegen.scalars.GenericScalar]
type = "Any"
[tool.ariadne-codegen.scalars.DateTime]
type = "str"
[tool.ariadne-codegen.scalars.Upload]
type = "Any"
"""


def types():
    status, text = http("GET", "/schema.graphql?branch=main")
    assert status == 200
    return text


async def test_00_schema():
    await load_schema()


def test_the_types_are_right_to_the_letter():
    schema = build_schema(types())
    errors = [error.message for error in validate_schema(schema)]
    assert not errors, errors[:20]
    errors = [error.message for error in validate(schema, parse(OPERATIONS))]
    assert not errors, errors[:20]


def test_two_requests_for_the_types_answer_the_same():
    assert types() == types()


async def test_a_generated_client_works():
    folder = SCRATCH / "client"
    folder.mkdir()
    (folder / "schema.graphql").write_text(types())
    (folder / "operations.graphql").write_text(OPERATIONS)
    (folder / "pyproject.toml").write_text(SETTINGS)
    program = pathlib.Path(sys.executable).parent / "ariadne-codegen"
    ended = subprocess.run([program, "client"], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    sys.path.insert(0, str(folder))
    made = importlib.import_module("made")
    inputs = importlib.import_module("made.input_types")
    client = made.Client(url=f"{ADDRESS}/graphql/main", headers={})
    data = inputs.DemoServerUpsertInput.model_validate(
        {"name": {"value": "typed"}, "cores": {"value": 9223372036854775807 // 2}, "facts": {"value": {"a": [1, None]}}}
    )
    answer = (await client.upsert_server(data=data)).demo_server_upsert
    assert answer.ok and answer.object_.cores.value == 9223372036854775807 // 2
    page = (await client.servers(name="typed", limit=0)).demo_server
    node = page.edges[0].node
    assert page.count == 1 and node.kind == "DemoServer" and node.facts.value == {"a": [1, None]}
    assert node.site.node is None and node.member_of_groups.edges == []
    devices = (await client.devices()).demo_device
    assert devices.edges[0].node.typename__ == "DemoServer"
    assert (await client.info()).infrahub_info.deployment_id
    assert (await client.events()).infrahub_event.count > 0
    assert (await client.tasks()).infrahub_task.count == 0
    assert (await client.branches()).infrahub_branch.default_branch.name.value == "main"
    deleted = await client.delete_server(data=inputs.DeleteInput(id=answer.object_.id))
    assert deleted.demo_server_delete.ok
