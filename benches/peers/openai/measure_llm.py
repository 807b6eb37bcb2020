"""The openai client with a semaphore.

Settings (its README):
- AsyncOpenAI, one client, with the aiohttp client in place of httpx ("With aiohttp": better concurrency), uvloop.
- Two retries by default, which heed Retry-After. It cannot be told a limit beforehand: rpm changes nothing.
"""

from asking import measure
from peer import version_of

measure(
    "openai",
    version_of("openai"),
    "AsyncOpenAI on aiohttp, semaphore of {concurrency}, uvloop",
    limited="cannot be told a limit",
)
