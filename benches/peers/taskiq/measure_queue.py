"""taskiq with the broker of taskiq-redis that keeps what is not acknowledged: streams.

Settings (taskiq-python.github.io):
- 2 worker processes of 100 tasks at once, the defaults; uvloop, which its worker takes where it is installed.
- The acknowledgement is sent when the result is saved, the default ("--ack-type when_saved").
- ORJSONSerializer ("Available serializers") and --no-parse ("CLI": parameters need no conversion).
- Recovery: jobs.py.
"""

import sys
from pathlib import Path

from peer import version_of
from queues import Broker, measure


def worker(settings):
    command = [Path(sys.executable).with_name("taskiq"), "worker", "jobs:broker", "--log-level", "WARNING"]
    return command if settings == "default" else [*command, "--no-parse"]


def done(redis, jobs):
    """Delivered and acknowledged; the broker leaves messages in the stream."""
    for group in redis.call("XINFO", "GROUPS", "peer"):
        group = dict(zip(group[::2], group[1::2]))
        return (group["entries-read"] or 0) - group["pending"]
    return 0


measure(
    Broker(
        name="taskiq-redis",
        version=f"{version_of('taskiq-redis')} (taskiq {version_of('taskiq')})",
        producer=[sys.executable, Path(__file__).with_name("jobs.py")],
        worker=worker,
        done=done,
        settings="RedisStreamBroker, 2 processes x 100 tasks, results on, ack when saved, orjson, uvloop, --no-parse",
        default="2 workers x 2 processes x 100 tasks, defaults: taken back after 600 s",
        tuned="2 workers x 2 processes x 100 tasks, taken back after 3 s",
        at_once=200,
        bulk="no bulk call: 64 tasks sent at once",
    )
)
