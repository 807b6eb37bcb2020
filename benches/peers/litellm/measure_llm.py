"""LiteLLM's router, one deployment.

Settings (docs.litellm.ai):
- simple-shuffle, the default strategy, which "Router" recommends for speed; its aiohttp transport, the default; uvloop.
- A semaphore around it: max_parallel_requests, its own bound, refuses what is over it rather than letting it wait.
- rpm on the deployment ("Router"): it weighs deployments and bounds what is in flight; it paces nothing.
- The price map that came with the package: at a start without network it would wait for one.
"""

import os

from asking import measure
from peer import version_of

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
measure(
    "litellm",
    version_of("litellm"),
    "Router, one deployment, simple-shuffle, semaphore of {concurrency}, uvloop",
    limited="rpm {rpm:g} on the deployment",
)
