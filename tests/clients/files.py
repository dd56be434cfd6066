"""Stored content, and objects with a file: the object store of the published client."""

import hashlib
import os
import pathlib

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
