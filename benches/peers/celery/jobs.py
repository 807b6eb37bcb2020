"""The task, as `celery -A jobs worker` imports it, and the producer."""

import sys
import time

from celery import Celery, group
from job import BODY, SETTINGS, URL, work

app = Celery("jobs", broker=URL, backend=URL)
app.conf.update(
    # At least once, and acknowledged after the work.
    task_acks_late=True,
    broker_connection_retry_on_startup=True,
    # Many short tasks: the guide's page on optimizing says 64 or 128 in place of 4. Where workers die: 1, as the same
    # page has it beside late acknowledgement, since what waits in a worker's hand runs into the time-out as well.
    worker_prefetch_multiplier={"plain": 128, "default": 4, "tuned": 1}[SETTINGS],
)
if SETTINGS == "tuned":
    # A message that is not acknowledged within these seconds is given again; 3,600 by default. A worker looks for such
    # each second, at each look; by default each 10 s, at each tenth.
    app.conf.broker_transport_options = {
        "visibility_timeout": 5,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }
    app.conf.task_reject_on_worker_lost = True

BULK = 500


@app.task
def run(number, body):
    return work(number)


def produce(how, first, count):
    numbers = range(first, first + count)
    # One connection for all of them, which each call would take from the pool otherwise.
    with app.producer_pool.acquire(block=True) as producer:
        producer.connection.ensure_connection()
        began = time.monotonic()
        if how == "bulk":
            for at in range(0, count, BULK):
                group(run.s(number, BODY) for number in numbers[at : at + BULK]).apply_async(producer=producer)
        else:
            for number in numbers:
                run.apply_async((number, BODY), producer=producer)
        print(time.monotonic() - began)


if __name__ == "__main__":
    produce(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
