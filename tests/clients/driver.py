"""What every test of a published client begins with: a client, a schema, and a runner.

Usage: python driver.py MODULE. The address of the server is in KILN_ADDRESS; the folder for what
programs write is in KILN_SCRATCH. Each function `test_*` of the module is one test; they share one
server and run in order. Prints a line for each, and ends with the number of failures.
"""

import asyncio
import importlib
import inspect
import os
import sys
import traceback
import urllib.error
import urllib.request
import json

from infrahub_sdk import Config, InfrahubClient, InfrahubClientSync

ADDRESS = os.environ.get("KILN_ADDRESS", "http://127.0.0.1:8000")
TOKEN = os.environ.get("KILN_TOKEN", "")

SCHEMA = {
    "version": "1.0",
    "generics": [
        {
            "name": "Device",
            "namespace": "Demo",
            "human_friendly_id": ["name__value"],
            "display_label": "name__value",
            "order_by": ["name__value"],
            "attributes": [
                {"name": "name", "kind": "Text", "unique": True},
                {"name": "note", "kind": "Text", "optional": True},
            ],
        }
    ],
    "nodes": [
        {
            "name": "Site",
            "namespace": "Demo",
            "human_friendly_id": ["name__value"],
            "display_label": "name__value",
            "order_by": ["name__value"],
            "attributes": [{"name": "name", "kind": "Text", "unique": True}],
            "relationships": [
                {"name": "servers", "peer": "DemoServer", "cardinality": "many", "optional": True}
            ],
        },
        {
            "name": "Server",
            "namespace": "Demo",
            "inherit_from": ["DemoDevice"],
            "attributes": [
                {"name": "vlan_id", "kind": "Number", "optional": True},
                {"name": "asn", "kind": "Number", "optional": True},
                {"name": "cores", "kind": "Number", "default_value": 4},
                {"name": "alive", "kind": "Boolean", "optional": True},
                {"name": "since", "kind": "DateTime", "optional": True},
                {"name": "facts", "kind": "JSON", "optional": True},
                {"name": "words", "kind": "List", "optional": True},
                {"name": "page", "kind": "URL", "optional": True},
                {
                    "name": "status",
                    "kind": "Dropdown",
                    "optional": True,
                    "choices": [{"name": "active", "label": "Active"}, {"name": "spare"}],
                },
            ],
            "relationships": [
                {"name": "site", "peer": "DemoSite", "cardinality": "one", "kind": "Attribute", "optional": True},
                {"name": "tags", "peer": "BuiltinTag", "cardinality": "many", "kind": "Attribute", "optional": True},
                {"name": "nics", "peer": "DemoNic", "cardinality": "many", "kind": "Component", "optional": True},
                {
                    "name": "primary_ip",
                    "peer": "IpamIPAddress",
                    "cardinality": "one",
                    "kind": "Attribute",
                    "optional": True,
                },
                {
                    "name": "subnet",
                    "peer": "IpamPrefix",
                    "cardinality": "one",
                    "kind": "Attribute",
                    "optional": True,
                },
            ],
        },
        {
            "name": "Nic",
            "namespace": "Demo",
            "human_friendly_id": ["server__name__value", "name__value"],
            "display_label": "name__value",
            "attributes": [{"name": "name", "kind": "Text"}],
            "relationships": [
                {"name": "server", "peer": "DemoServer", "cardinality": "one", "kind": "Parent", "optional": False}
            ],
        },
        {
            "name": "Router",
            "namespace": "Demo",
            "inherit_from": ["DemoDevice"],
            "attributes": [{"name": "model", "kind": "Text", "optional": True}],
        },
        {
            "name": "Service",
            "namespace": "Demo",
            "human_friendly_id": ["name__value"],
            "display_label": "name__value",
            "attributes": [
                {"name": "name", "kind": "Text", "unique": True},
                {"name": "size", "kind": "Number", "default_value": 2},
            ],
        },
        {"name": "IPAddress", "namespace": "Ipam", "inherit_from": ["BuiltinIPAddress"]},
        {"name": "Prefix", "namespace": "Ipam", "inherit_from": ["BuiltinIPPrefix", "CoreWeightedPoolResource"]},
    ],
}


def config(**more):
    values = {"address": ADDRESS, **more}
    if TOKEN:
        values["api_token"] = TOKEN
    return Config(**values)


def client(**more):
    return InfrahubClient(config=config(**more))


def client_sync(**more):
    return InfrahubClientSync(config=config(**more))


async def load_schema():
    response = await client().schema.load(schemas=[SCHEMA])
    assert not response.errors, response.errors
    return response


def http(method, path, body=None, headers=None):
    """Status and JSON (or text) of a plain request."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", **(headers or {})}
    if TOKEN and headers is None:
        sent["X-INFRAHUB-KEY"] = TOKEN
    request = urllib.request.Request(ADDRESS + path, data=data, method=method, headers=sent)
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        status, text = refused.code, refused.read().decode()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


async def raises(kind, awaitable, *parts):
    """The error of this kind that the call ends with; its text holds the parts."""
    try:
        await awaitable
    except kind as error:
        for part in parts:
            assert part in str(error), f"`{part}` is not in: {error}"
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def run(name):
    module = importlib.import_module(name)
    failed = 0
    wanted = sys.argv[2:]
    for test, function in list(vars(module).items()):
        if not test.startswith("test_") or (wanted and test not in wanted and not test.startswith("test_00")):
            continue
        try:
            if inspect.iscoroutinefunction(function):
                asyncio.run(function())
            else:
                function()
            print(f"ok      {test}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {test}\n{traceback.format_exc()}", flush=True)
    print(f"{failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
