"""Stored content, and objects with a file: the object store of the published client."""

import hashlib
import os
import pathlib
import subprocess
import sys

import httpx
from infrahub_sdk.exceptions import GraphQLError

from driver import ADDRESS, client, client_sync, http, raises

SCRATCH = pathlib.Path(os.environ["KILN_SCRATCH"])

SCHEMA = {
    "version": "1.0",
    "nodes": [
        {
            "name": "Doc",
            "namespace": "Demo",
            "inherit_from": ["CoreFileObject"],
            "human_friendly_id": ["title__value"],
            "attributes": [{"name": "title", "kind": "Text", "unique": True}],
        },
        {"name": "Plain", "namespace": "Demo", "attributes": [{"name": "name", "kind": "Text", "unique": True}]},
    ],
}


async def test_00_schema():
    response = await client().schema.load(schemas=[SCHEMA])
    assert not response.errors, response.errors


async def test_content_is_stored_and_read():
    c = client()
    stored = await c.object_store.upload(content="hello\nwörld")
    assert stored["checksum"] == hashlib.sha1("hello\nwörld".encode()).hexdigest()
    assert await c.object_store.get(stored["identifier"]) == "hello\nwörld"
    assert client_sync().object_store.get(stored["identifier"]) == "hello\nwörld"
    assert await c.object_store.get_file_by_storage_id(stored["identifier"]) == "hello\nwörld"
    await raises(httpx.HTTPStatusError, c.object_store.get("0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"), "404")


async def test_an_object_has_a_file():
    c = client()
    doc = await c.create(kind="DemoDoc", title="notes")
    doc.upload_from_bytes(b"first", name="notes.txt")
    await doc.save()
    doc = await c.get(kind="DemoDoc", title__value="notes")
    assert doc.file_name.value == "notes.txt" and doc.file_size.value == 5 and doc.file_type.value == "text/plain"
    assert doc.checksum.value == hashlib.sha1(b"first").hexdigest()
    assert await doc.download_file() == b"first"
    assert await c.object_store.get_file_by_id(doc.id) == "first"
    assert await c.object_store.get_file_by_hfid("DemoDoc", ["notes"]) == "first"
    # Another content, and the same once more.
    path = SCRATCH / "second.txt"
    path.write_bytes(b"second")
    assert (await doc.upload_if_changed(path)).was_uploaded
    doc = await c.get(kind="DemoDoc", title__value="notes")
    assert await doc.download_file() == b"second" and doc.file_name.value == "second.txt"
    assert not (await doc.upload_if_changed(path)).was_uploaded
    target = SCRATCH / "down.txt"
    assert await doc.download_file(dest=target) == 6 and target.read_bytes() == b"second"


async def test_a_file_that_cannot_be_taken_leaves_nothing():
    c = client()
    mutation = "mutation ($file: Upload!) { DemoPlainCreate(data: {name: {value: \"x\"}} file: $file) { ok } }"
    operations = {"query": mutation, "variables": {"file": None}}
    import json

    def send(operations, mapping, content=b"x"):
        files = {"operations": (None, json.dumps(operations)), "map": (None, json.dumps(mapping)), "0": ("x.txt", content)}
        return httpx.post(f"{ADDRESS}/graphql/main", files=files)

    told = send(operations, {"0": ["variables.file"]})
    assert "has no file" in told.json()["errors"][0]["message"], told.text
    assert await c.count(kind="DemoPlain") == 0
    for mapping in [{"1": ["variables.file"]}, {"0": ["variables.other"]}, {"0": ["query"]}, []]:
        told = send(operations, mapping)
        assert told.status_code == 400, told.text
    large = b"x" * ((16 << 20) + 1)
    doc = {"query": mutation.replace("DemoPlain", "DemoDoc").replace("name:", "title:"), "variables": {"file": None}}
    told = send(doc, {"0": ["variables.file"]}, large)
    assert told.json()["errors"][0]["extensions"]["code"] == "file-too-large", told.text
    assert await c.count(kind="DemoDoc", title__value="x") == 0
    sent = httpx.post(f"{ADDRESS}/graphql/main", content=b"nothing", headers={"content-type": "multipart/form-data; boundary=x"})
    assert sent.status_code == 400, sent.text
    without = {"query": mutation, "variables": {"file": "0"}}
    assert "multipart" in http("POST", "/graphql/main", without)[1]["errors"][0]["message"]


async def test_an_artifact_is_read():
    c = client()
    stored = await c.object_store.upload(content="interface Ethernet1")
    group = await c.create(kind="CoreStandardGroup", name="docs")
    await group.save()
    transform = await c.create(kind="CoreTransformJinja2", name="page", template_path="page.j2")
    await transform.save()
    definition = await c.create(kind="CoreArtifactDefinition", name="config", artifact_name="config",
                                content_type="text/plain", parameters={}, targets=group.id, transformation=transform.id)
    await definition.save()
    target = await client().schema.load(schemas=[{"version": "1.0", "nodes": [{"name": "Box", "namespace": "Demo",
        "inherit_from": ["CoreArtifactTarget"], "attributes": [{"name": "name", "kind": "Text", "unique": True}]}]}])
    assert not target.errors, target.errors
    c = client()
    box = await c.create(kind="DemoBox", name="b")
    await box.save()
    artifact = await c.create(kind="CoreArtifact", name="config", status="Ready", content_type="text/plain",
                              storage_id=stored["identifier"], object=box.id, definition=definition.id)
    await artifact.save()
    box = await c.get(kind="DemoBox", name__value="b")
    assert await box.artifact_fetch("config") == "interface Ethernet1"
    assert http("GET", f"/api/artifact/{artifact.id}") == (200, "interface Ethernet1")
    assert http("GET", f"/api/artifact/{box.id}")[0] == 404


PUSHED = {
    "manifest": """
queries: [{name: box, file_path: box.gql}]
jinja2_transforms: [{name: boxes, query: box, template_path: box.j2}]
artifact_definitions:
  - {name: boxes, artifact_name: box file, parameters: {name: name__value}, content_type: text/plain, targets: boxes, transformation: boxes}
""",
    "files": {
        "box.gql": "query Box($name: String!) { DemoBox(name__value: $name) { edges { node { name { value } } } } }",
        "box.j2": "{% import 'parts.j2' as parts %}\n{% for edge in data.DemoBox.edges %}\n  {% set name = edge.node.name.value %}\n"
                  "box {{ parts.shown(name) }} of {{ data.keys() | list | join }}\n{% endfor %}\n",
        "parts.j2": "{% macro shown(name) %}{{ name.upper() }}{{ '%03d' | format(7) }}{% endmacro %}\n",
    },
}


async def test_artifacts_are_made_by_the_published_calls():
    c = client()
    boxes = [await c.create(kind="DemoBox", name=name) for name in ["one", "two"]]
    for box in boxes:
        await box.save()
    await (await c.create(kind="CoreStandardGroup", name="boxes", members=boxes)).save()
    status, told = http("POST", "/api/repositories/push", PUSHED)
    assert status == 200, told
    definition = await c.get(kind="CoreArtifactDefinition", name__value="boxes")
    await definition.generate()
    one = await c.get(kind="DemoBox", name__value="one")
    text = await one.artifact_fetch("box file")
    assert text == "box ONE007 of DemoBox\n", repr(text)
    artifact = await c.get(kind="CoreArtifact", name__value="box file", object__ids=[one.id])
    assert artifact.status.value == "Ready" and artifact.checksum.value == hashlib.md5(text.encode()).hexdigest()
    # One of them anew, as the published client asks for it.
    one.name.value = "uno"
    await one.save()
    await one.artifact_generate("box file")
    assert await one.artifact_fetch("box file") == "box UNO007 of DemoBox\n"
    sync = client_sync()
    two = sync.get(kind="DemoBox", name__value="two")
    two.artifact_generate("box file")
    assert two.artifact_fetch("box file") == "box TWO007 of DemoBox\n"
    sync.get(kind="CoreArtifactDefinition", name__value="boxes").generate()
    assert http("POST", f"/api/artifact/generate/{definition.id}")[0] == 200
    status, told = http("POST", f"/api/artifact/generate/{definition.id}", {"nodes": ["none"]})
    assert status == 422 and told["errors"][0]["extensions"]["code"] == "unknown-artifact", told
    assert http("POST", "/api/artifact/generate/none")[0] == 404
    # Rendered on the fly it says the same, and keeps nothing.
    assert http("GET", "/api/transform/jinja2/boxes?name=uno&branch=main") == (200, "box UNO007 of DemoBox\n")


async def test_a_template_renders_as_the_published_command_renders_it():
    folder = SCRATCH / "templates"
    folder.mkdir()
    for name, text in PUSHED["files"].items():
        (folder / name).write_text(text)
    (folder / ".infrahub.yml").write_text(PUSHED["manifest"])
    program = pathlib.Path(sys.executable).parent / "infrahubctl"
    ended = subprocess.run([program, "render", "boxes", "name=uno", "--branch", "main"], cwd=folder, capture_output=True,
                           text=True, env={**os.environ, "INFRAHUB_ADDRESS": ADDRESS, "COLUMNS": "200"})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    _, ours = http("GET", "/api/transform/jinja2/boxes?name=uno")
    assert ours.strip() in ended.stdout, (ours, ended.stdout)
