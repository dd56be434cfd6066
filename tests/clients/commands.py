"""The published command line, unmodified: T1 and T2 of section 14 of the wire contract."""

import json
import os
import pathlib
import subprocess
import sys

import yaml

from driver import ADDRESS, SCHEMA, TOKEN, client, load_schema

SCRATCH = pathlib.Path(os.environ["KILN_SCRATCH"])
PROGRAM = pathlib.Path(sys.executable).parent / "infrahubctl"


def ctl(*arguments, code=0, folder=SCRATCH):
    environment = {**os.environ, "INFRAHUB_ADDRESS": ADDRESS, "COLUMNS": "200"}
    if TOKEN:
        environment["INFRAHUB_API_TOKEN"] = TOKEN
    ended = subprocess.run([PROGRAM, *arguments], env=environment, cwd=folder, capture_output=True, text=True)
    said = ended.stdout + ended.stderr
    assert ended.returncode == code, f"{arguments}: {ended.returncode}\n{said}"
    return said


def write(name, text):
    path = SCRATCH / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_info():
    said = ctl("info")
    assert "Connection Error" not in said and "Kiln" not in said, said
    assert "0.1" in said or "Version" in said, said
    ctl("version")


def test_schema_check_and_load():
    path = write("schema.yml", yaml.safe_dump(SCHEMA))
    assert "No diff" not in ctl("schema", "check", path)
    said = ctl("schema", "load", path, "--wait", "5")
    assert "loaded successfully" in said, said
    assert "up to date" in ctl("schema", "load", path)
    assert "No diff" in ctl("schema", "check", path)
    wrong = write("wrong.yml", yaml.safe_dump({"version": "1.0", "nodes": [
        {"name": "Thing", "namespace": "Demo", "attributes": [{"name": "name", "kind": "Text"}],
         "relationships": [{"name": "other", "peer": "DemoNothing"}]}]}))
    said = ctl("schema", "load", wrong, code=1)
    assert "DemoNothing" in said, said
    assert "DemoNothing" in ctl("schema", "check", wrong)


def test_schema_list_and_show():
    assert "DemoServer" in ctl("schema", "list")
    assert "cores" in ctl("schema", "show", "DemoServer")
    ctl("schema", "export", "--directory", str(SCRATCH / "exported"))
    exported = "".join(path.read_text() for path in (SCRATCH / "exported").rglob("*.yml"))
    assert "name: Server" in exported and "vlan_id" in exported, exported


OBJECTS = """---
apiVersion: infrahub.app/v1
kind: Object
spec:
  kind: DemoSite
  data:
    - name: ams
    - name: lon
---
apiVersion: infrahub.app/v1
kind: Object
spec:
  kind: DemoServer
  data:
    - name: s1
      cores: 8
      site: ams
      tags:
        data:
          - name: red
          - name: blue
      nics:
        kind: DemoNic
        data:
          - name: eth0
    - name: s2
      site: lon
---
apiVersion: infrahub.app/v1
kind: Object
spec:
  kind: DemoService
  data:
    - name: shop
    - name: blog
---
apiVersion: infrahub.app/v1
kind: Object
spec:
  kind: CoreStandardGroup
  data:
    - name: services
      members: [shop, blog]
"""


async def test_objects():
    path = write("objects.yml", OBJECTS.replace("      members: [shop, blog]\n", ""))
    ctl("object", "validate", path)
    ctl("object", "load", path)
    ctl("object", "load", path)
    c = client()
    server = await c.get(kind="DemoServer", name__value="s1", include=["tags", "nics"])
    assert server.cores.value == 8 and len(server.tags.peers) == 2 and len(server.nics.peers) == 1
    assert await c.count(kind="DemoServer") == 2
    assert "s1" in ctl("object", "get", "DemoServer") and "s1" in ctl("object", "get", "DemoServer", "s1")
    assert "s1" in ctl("object", "get", "DemoServer", server.id)
    assert "eth0" in ctl("object", "get", "DemoNic", "s1/eth0")
    ctl("object", "create", "DemoServer", "--set", "name=s3", "--set", "cores=2")
    ctl("object", "update", "DemoServer", "s3", "--set", "cores=3")
    assert (await c.get(kind="DemoServer", name__value="s3")).cores.value == 3
    ctl("object", "delete", "DemoServer", "s3", "--yes")
    assert await c.count(kind="DemoServer", name__value="s3") == 0


REPOSITORY = """
queries:
  - name: service
    file_path: service.gql
generator_definitions:
  - name: servers
    file_path: servers.py
    class_name: Servers
    query: service
    targets: services
    parameters: {name: name__value}
python_transforms:
  - name: words
    file_path: words.py
    class_name: Words
jinja2_transforms:
  - name: page
    query: service
    template_path: page.j2
"""

QUERY = "query Service($name: String!) { DemoService(name__value: $name) { edges { node { id __typename name { value } size { value } } } } }\n"

GENERATOR = """
from infrahub_sdk.generator import InfrahubGenerator

class Servers(InfrahubGenerator):
    async def generate(self, data):
        node = data["DemoService"]["edges"][0]["node"]
        for number in range(node["size"]["value"]):
            server = await self.client.create(kind="DemoServer", name=f"{node['name']['value']}-{number}")
            await server.save(allow_upsert=True)
"""

TRANSFORM = """
from infrahub_sdk.transforms import InfrahubTransform

class Words(InfrahubTransform):
    query = "service"
    async def transform(self, data):
        return {"name": data["DemoService"]["edges"][0]["node"]["name"]["value"]}
"""


async def test_generators_transforms_and_scripts():
    c = client()
    services = [n.id for n in await c.all(kind="DemoService")]
    await (await c.create(kind="CoreStandardGroup", name="services", members=services)).save(allow_upsert=True)
    await (await c.create(kind="CoreGraphQLQuery", name="service", query=QUERY)).save(allow_upsert=True)
    folder = SCRATCH / "repository"
    for name, text in [(".infrahub.yml", REPOSITORY), ("service.gql", QUERY), ("servers.py", GENERATOR),
                       ("words.py", TRANSFORM), ("page.j2", "Hello {{ data.DemoService.edges[0].node.name.value }}")]:
        write(f"repository/{name}", text)
    assert "servers" in ctl("generator", "--list", folder=folder)
    ctl("generator", "servers", "name=shop", "--branch", "main", folder=folder)
    count = lambda: c.count(kind="DemoServer", name__value="-", partial_match=True)
    assert await count() == 2
    ctl("generator", "servers", "--branch", "main", folder=folder)
    assert await count() == 4
    ctl("generator", "servers", "--branch", "main", folder=folder)
    assert await count() == 4
    said = ctl("transform", "words", "name=shop", "--branch", "main", folder=folder)
    assert json.loads(said[said.index("{"):])["name"] == "shop", said
    assert "Hello blog" in ctl("render", "page", "name=blog", "--branch", "main", folder=folder)
    write("repository/script.py", "async def run(log, client, branch):\n    assert await client.count(kind='DemoService') == 2\n"
                                  "    log.info('counted')\n")
    ctl("run", "script.py", "--branch", "main", folder=folder)


def test_protocols_and_types():
    ctl("protocols", "--out", str(SCRATCH / "protocols.py"))
    assert "class DemoServer" in (SCRATCH / "protocols.py").read_text()
    ctl("graphql", "export-schema", "--destination", str(SCRATCH / "schema.graphql"))
    assert "type DemoServer implements" in (SCRATCH / "schema.graphql").read_text()


def test_tasks_and_repositories():
    ctl("task", "list")
    ctl("repository", "list")
