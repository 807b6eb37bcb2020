"""LiteLLM's router, one deployment.

Settings (docs.litellm.ai):
- max_parallel_requests on the deployment ("Router / Max Parallel Requests"): its own semaphore.
- Its aiohttp transport, the default; uvloop.
- rpm on the deployment ("Router"): with several deployments it weighs them; with one it is a hint.
- The price map that came with the package: at a start without network it would wait for one.
"""

import os

from asking import measure
from peer import version_of

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
measure(
    "litellm",
    version_of("litellm"),
    "Router, one deployment, max_parallel_requests {concurrency}, uvloop",
    limited="rpm {rpm:g} on the deployment",
)
