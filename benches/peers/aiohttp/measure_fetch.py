"""aiohttp's client.

Settings (docs.aiohttp.org, "Client quickstart" and "Advanced client usage"):
- One session for all, a connector with as many connections as requests at once, the speedups extra (aiodns apart: the
  names are addresses), uvloop.
- Bodies are written in the loop: 40 kB into the page cache take less time than handing them to a thread.

The seconds are those of the requests; the interpreter's start is not counted.
"""

import asyncio
import time

import aiohttp
import uvloop
from fetching import Fetch
from peer import version_of


async def fetch_all(fetch):
    pages = iter(enumerate(fetch.urls))

    async def some(session):
        for number, url in pages:
            try:
                async with session.get(url) as answer:
                    answer.raise_for_status()
                    body = await answer.read()
            except aiohttp.ClientError:
                continue
            fetch.file(number).write_bytes(body)

    connector = aiohttp.TCPConnector(limit=fetch.concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(some(session) for _ in range(fetch.concurrency)))


fetch = Fetch("aiohttp", version_of("aiohttp"), "one session, {concurrency} connections, speedups, uvloop")
began = time.monotonic()
uvloop.run(fetch_all(fetch))
fetch.done(time.monotonic() - began)
