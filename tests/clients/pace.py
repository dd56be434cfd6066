"""How fast the published client saves objects: one after another, and in its batch of five.

Usage: python pace.py COUNT. Prints one JSON object of seconds.
"""

import asyncio
import json
import sys
import time

import httpx

from driver import client, load_schema

SPENT = {"seconds": 0.0}


async def main(count):
    await load_schema()
    send = httpx.AsyncClient.send

    async def timed(self, *arguments, **named):
        began = time.perf_counter()
        try:
            return await send(self, *arguments, **named)
        finally:
            SPENT["seconds"] += time.perf_counter() - began

    httpx.AsyncClient.send = timed
    c = client(max_concurrent_execution=5)
    await (await c.create(kind="DemoSite", name="first")).save()
    told = {}
    SPENT["seconds"] = 0.0
    began = time.perf_counter()
    for at in range(count):
        site = await c.create(kind="DemoSite", name=f"alone-{at}")
        await site.save()
    told["alone"] = time.perf_counter() - began
    told["alone_requests"] = SPENT["seconds"]
    batch = await c.create_batch()
    began = time.perf_counter()
    for at in range(count):
        site = await c.create(kind="DemoSite", name=f"batch-{at}")
        batch.add(task=site.save, node=site)
    async for _node, _result in batch.execute():
        pass
    told["batch"] = time.perf_counter() - began
    print(json.dumps(told))


asyncio.run(main(int(sys.argv[1])))
