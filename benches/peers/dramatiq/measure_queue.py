"""Dramatiq with its Redis broker.

Settings (dramatiq.io):
- 2 processes of 8 threads: the defaults on two cores ("User guide / Workers").
- Results in the same Redis ("User guide / Message results"); an acknowledgement follows the result.
- hiredis, which redis-py takes by itself where it is installed.
- No bulk call: a group sends its messages one by one.
- Recovery ("API reference / RedisBroker"): jobs.py.
"""

import sys
from pathlib import Path

from peer import version_of
from queues import Broker, measure


def worker(settings):
    return [sys.executable, "-m", "dramatiq", "jobs", "--processes", "2", "--threads", "8"]


measure(
    Broker(
        name="dramatiq",
        version=version_of("dramatiq"),
        producer=[sys.executable, Path(__file__).with_name("jobs.py")],
        worker=worker,
        # A message leaves this hash when it is acknowledged.
        done=lambda redis, jobs: jobs - redis.call("HLEN", "dramatiq:default.msgs"),
        settings="2 processes x 8 threads, results on, hiredis",
        default="2 workers x 2 processes x 8 threads, defaults: dead after 60 s, looked at by 1 command in 1,000",
        tuned="2 workers x 2 processes x 8 threads, dead after 3 s, looked at by each command",
        at_once=16,
    )
)
