"""RQ.

Settings (python-rq.org, and "Notes on Performance" in its repository):
- SimpleWorker, which the notes allow for jobs of a few milliseconds: no fork for each. Two of them on two cores.
- enqueue_many of 500 ("Queues / Bulk job enqueueing"): one pipeline.
- Recovery, default: `rq worker`, as its first page has it. A dead worker's job is given up when its heartbeat is 90 s
  old and a worker looks, each 600 s; it then counts as failed. Tuned: Retry(max=3) ("Exceptions"), a heartbeat each
  second and a look each 2 s; it is still given up 60 s after its heartbeat was due, which no setting changes.
"""

import sys
from pathlib import Path

from peer import version_of
from queues import Broker, measure

RQ = Path(sys.executable).with_name("rq")


def worker(settings):
    command = [RQ, "worker", "--config", "jobs", "--quiet"]
    more = {
        "plain": ["--worker-class", "rq.SimpleWorker"],
        "default": [],
        "tuned": ["--maintenance-interval", "2", "--job-monitoring-interval", "1"],
    }
    return [*command, *more[settings], "default"]


measure(
    Broker(
        name="rq",
        version=version_of("rq"),
        producer=[sys.executable, Path(__file__).with_name("jobs.py")],
        worker=worker,
        done=lambda redis, _: redis.call("ZCARD", "rq:finished:default"),
        settings="2 SimpleWorkers, results on, hiredis",
        default="2 workers, defaults: one fork a job, looked at each 600 s, a job of a dead worker fails",
        tuned="2 workers, one fork a job, heartbeat each second, looked at each 2 s, 3 retries",
        at_once=1,
        bulk="enqueue_many of 500",
        workers=2,
    )
)
