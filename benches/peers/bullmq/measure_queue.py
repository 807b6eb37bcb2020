"""BullMQ on Node.js with its usual client, ioredis.

Settings (docs.bullmq.io):
- concurrency 50 ("Workers / Concurrency": raise it for jobs that wait): the default of 1 waits for each job.
- addBulk of 500 ("Queues / Adding jobs in bulk"): one transaction each.
- Completed jobs stay with their return values: removeOnComplete is off by default.
- Recovery: jobs.js.
"""

import json
import os
from pathlib import Path

from queues import Broker, measure

PROGRAM = ["node", Path(__file__).with_name("jobs.js")]
PACKAGE = Path(os.environ["PEER_ENVIRONMENT"], "node_modules/bullmq/package.json")

measure(
    Broker(
        name="bullmq",
        version=json.loads(PACKAGE.read_text())["version"],
        producer=[*PROGRAM, "produce"],
        worker=lambda settings: [*PROGRAM, "work", settings],
        done=lambda redis, _: redis.call("ZCARD", "bull:peer:completed"),
        settings="1 process x 50 at once, results on",
        default="2 processes x 50 at once, defaults: locks of 30 s, looked at each 30 s",
        tuned="2 processes x 50 at once, locks of 3 s, looked at each second, 3 stalls allowed",
        at_once=50,
        bulk="addBulk of 500",
    )
)
