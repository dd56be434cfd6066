"""The OpenAPI document holds: whatever fits it, and much that does not, is answered with a status that it
names, and never by a failure of the host. The same number of requests every time."""

import json
import os
import pathlib
import subprocess
import sys

from driver import ADDRESS, TOKEN, client, http, load_schema

SCRATCH = pathlib.Path(os.environ["KILN_SCRATCH"])
PROGRAM = pathlib.Path(sys.executable).parent / "st"


async def test_00_schema():
    await load_schema()
    c = client()
    for name in ["a", "b"]:
        await (await c.create(kind="BuiltinTag", name=name)).save()
    await (await c.create(kind="CoreGraphQLQuery", name="tags", query="{ BuiltinTag { count } }")).save()


def test_the_document_describes_every_operation():
    status, document = http("GET", "/api/openapi.json")
    assert status == 200 and document["openapi"] == "3.1.0"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["responses"], (method, path)
            body = operation.get("requestBody", {}).get("content", {})
            assert all(media["schema"] for media in body.values()), (method, path)
    login = document["paths"]["/api/auth/login"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][login["$ref"].rsplit("/", 1)[1]]
    assert set(schema["required"]) == {"username", "password"}, schema


def test_no_request_meets_an_undocumented_status_or_a_failure_of_the_host():
    ended = subprocess.run(
        [
            PROGRAM, "run", f"{ADDRESS}/api/openapi.json",
            "--checks", "not_a_server_error,status_code_conformance,response_schema_conformance",
            "--phases", "fuzzing", "--max-examples", "25", "--seed", "1", "--generation-database", "none",
            "--header", f"X-INFRAHUB-KEY: {TOKEN}", "--suppress-health-check", "all", "--no-color",
            # What takes components is fed hostile ones by tests of its own.
            "--exclude-path", "/api/components/upload", "--exclude-path", "/api/generators/{name}/try",
        ],
        cwd=SCRATCH, capture_output=True, text=True,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said[-6000:]
    assert "Tested:" in said and "Server error" not in said, said[-3000:]
    # The host is as it was: it answers, and its store holds what it held.
    assert http("GET", "/api/health")[0] == 200
    answer = http("POST", "/graphql", {"query": "{ BuiltinTag(name__values: [\"a\", \"b\"]) { count } }"}, {"X-INFRAHUB-KEY": TOKEN})
    assert answer == (200, {"data": {"BuiltinTag": {"count": 2}}}), json.dumps(answer)
