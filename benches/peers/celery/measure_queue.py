"""Celery on Redis, results in the same Redis.

Settings (docs.celeryq.dev):
- task_acks_late and worker_prefetch_multiplier 128 for many short tasks ("Optimizing").
- A prefork pool of 2 on two cores (the default: as many as cores).
- No gossip, mingle and heartbeat ("Workers guide"): messages among workers that nobody needs here.
- In bulk: a group of 500 ("Canvas"), which still publishes each task by itself.
- Recovery: visibility_timeout ("Using Redis"), 5 s in place of an hour, and how often a worker looks (kombu's
  reference, "Redis transport"): jobs.py.
"""

import itertools
import sys
from pathlib import Path

from peer import version_of
from queues import MARK, Broker, measure

# What the broker itself keeps; every other key is a result.
ITS_OWN = ["celery", "unacked", "unacked_index", "unacked_mutex", "_kombu.binding.celery", "_kombu.binding_deadlines"]
ITS_OWN += ["_kombu.binding_permanent.celery", "_kombu.binding.celery.pidbox", MARK]


# Each worker needs a name of its own.
NUMBERS = itertools.count()


def worker(settings):
    command = [sys.executable, "-m", "celery", "-A", "jobs", "worker", "--concurrency", "2", "--loglevel", "WARNING"]
    command += ["--hostname", f"worker-{next(NUMBERS)}@peer"]
    quiet = [] if settings == "default" else ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return command + quiet


measure(
    Broker(
        name="celery",
        version=version_of("celery"),
        producer=[sys.executable, Path(__file__).with_name("jobs.py")],
        worker=worker,
        done=lambda redis, _: redis.call("DBSIZE") - redis.call("EXISTS", *ITS_OWN),
        settings="prefork x 2, acks late, prefetch x 128, results on, no gossip, mingle or heartbeat",
        default="2 workers, prefork x 2, acks late, else defaults: visibility time-out 3,600 s",
        tuned="2 workers, prefork x 2, acks late, prefetch x 1, visibility time-out 5 s, looked at each second",
        at_once=2,
        bulk="groups of 500",
    )
)
