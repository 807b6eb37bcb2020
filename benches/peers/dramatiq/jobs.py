"""The actor, as `dramatiq jobs` imports it, and the producer."""

import sys
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from job import BODY, SETTINGS, URL, work

# A process that is silent for heartbeat_timeout ms is dead; a command brings maintenance with it, which looks for such,
# with a chance of maintenance_chance in a million.
TUNED = {"heartbeat_timeout": 3_000, "maintenance_chance": 1_000_000} if SETTINGS == "tuned" else {}

broker = RedisBroker(url=URL, **TUNED)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def run(number, body):
    return work(number)


if __name__ == "__main__":
    _, first, count = sys.argv[1:]
    broker.client.ping()
    began = time.monotonic()
    for number in range(int(first), int(first) + int(count)):
        run.send(number, BODY)
    print(time.monotonic() - began)
