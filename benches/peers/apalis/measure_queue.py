"""apalis-redis. Its settings and their reasons are at the head of src/main.rs."""

import os
from pathlib import Path

from peer import locked_version
from queues import Broker, measure

PROGRAM = Path(os.environ["PEER_ENVIRONMENT"], "bin/sheaf-peer-apalis")

measure(
    Broker(
        name="apalis-redis",
        version=locked_version("apalis-redis", Path(__file__).with_name("Cargo.lock")),
        producer=[PROGRAM, "produce"],
        worker=lambda settings: [PROGRAM, "work", settings],
        done=lambda redis, _: redis.call("SCARD", "peer:done"),
        settings="1 process x 100 at once, batches of 100, locks and events off, results on",
        default="2 workers x 100 at once, defaults: locks on, dead after 10 heartbeats of 30 s",
        tuned="2 workers x 100 at once, batches of 100, locks on, dead after 3 heartbeats of 1 s",
        at_once=100,
        bulk="push_bulk of 500",
        # Over about 8,000 its workers die.
        backlog=7000,
    )
)
