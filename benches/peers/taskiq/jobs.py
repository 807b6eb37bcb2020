"""The task, as `taskiq worker jobs:broker` imports it, and the producer."""

import asyncio
import sys
import time

import uvloop
from job import BODY, PAUSE, SETTINGS, URL, note
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

# A message that was given to a worker this many ms ago goes to the one that asks next.
TUNED = {"idle_timeout": 3_000, "unacknowledged_lock_timeout": 1.0} if SETTINGS == "tuned" else {}
# Tasks that the producer in bulk sends at once: taskiq has no call for many.
AT_ONCE = 64

broker = (
    # From the first message on: those that were there before the first worker are wanted too.
    RedisStreamBroker(URL, queue_name="peer", consumer_group_name="peer", consumer_id="0", **TUNED)
    .with_result_backend(RedisAsyncResultBackend(URL))
    .with_serializer(ORJSONSerializer())
)


@broker.task(task_name="run")
async def run(number, body):
    if PAUSE:
        note("b", number)
        await asyncio.sleep(PAUSE)
        note("e", number)
    return number


async def produce(how, first, count):
    await broker.startup()
    numbers = iter(range(first, first + count))
    began = time.monotonic()

    async def send():
        for number in numbers:
            await run.kiq(number, BODY)

    await asyncio.gather(*(send() for _ in range(AT_ONCE if how == "bulk" else 1)))
    print(time.monotonic() - began)
    await broker.shutdown()


if __name__ == "__main__":
    uvloop.run(produce(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
