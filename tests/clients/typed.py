"""What generates code from the types takes them: they are right to the letter, and what is made of them works."""

import importlib
import os
import pathlib
import shutil
import subprocess
import sys

import httpx
from graphql import build_schema, parse, validate, validate_schema

from driver import ADDRESS, http, load_schema

SCRATCH = pathlib.Path(os.environ["KILN_SCRATCH"])

OPERATIONS = (pathlib.Path(__file__).parent / "operations.graphql").read_text()

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
    # The first request makes the types, which a busy machine takes its time for.
    client = made.Client(url=f"{ADDRESS}/graphql/main", headers={}, http_client=httpx.AsyncClient(timeout=60))
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


def test_a_generator_for_typescript_takes_them_and_what_it_makes_compiles():
    node = pathlib.Path(os.environ["KILN_NODE"])
    if not (node / "installed.json").exists():
        print("SKIPPED: the generator for TypeScript is not installed; `cargo xtask clients` does it")
        return
    here = pathlib.Path(__file__).parent
    for name in ["types.mjs", "usage.ts"]:
        shutil.copy(here / "node" / name, node / name)
    folder = SCRATCH / "typescript"
    folder.mkdir()
    ended = subprocess.run(["node", node / "types.mjs"], capture_output=True, text=True, env={
        **os.environ, "KILN_SCRATCH": str(folder), "KILN_OPERATIONS": str(here / "operations.graphql")})
    assert ended.returncode == 0, ended.stdout + ended.stderr
