"""The function, as `rq worker` imports it, and the producer."""

import sys
import time

from job import BODY, SETTINGS, URL, work
from redis import Redis
from rq import Queue, Retry

# Read by `rq worker --config jobs`.
REDIS_URL = URL

BULK = 500


def run(number, body):
    return work(number)


def produce(how, first, count):
    connection = Redis.from_url(URL)
    connection.ping()
    queue = Queue(connection=connection)
    # Results last: by default they go after 500 s. A job of a dead worker is failed unless it may be tried again.
    options = {"result_ttl": -1, "retry": Retry(max=3) if SETTINGS == "tuned" else None}
    numbers = range(first, first + count)
    began = time.monotonic()
    if how == "bulk":
        for at in range(0, count, BULK):
            some = numbers[at : at + BULK]
            queue.enqueue_many([Queue.prepare_data("jobs.run", (number, BODY), **options) for number in some])
    else:
        for number in numbers:
            queue.enqueue("jobs.run", number, BODY, **options)
    print(time.monotonic() - began)


if __name__ == "__main__":
    produce(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
