"""LangChain's ChatOpenAI, `abatch`.

Settings (docs.langchain.com, reference of langchain-core):
- max_concurrency in the call's config, its own bound ("Runnable.abatch"); uvloop.
- rpm: InMemoryRateLimiter ("Rate limiting") told rpm / 60 a second and a bucket of 10, looking each 20 ms.
- No tracing: LANGSMITH_TRACING is off.
"""

import os

from asking import measure
from peer import version_of

os.environ["LANGSMITH_TRACING"] = "false"
measure(
    "langchain",
    f"{version_of('langchain')} (langchain-openai {version_of('langchain-openai')})",
    "ChatOpenAI.abatch, max_concurrency {concurrency}, uvloop",
    limited="InMemoryRateLimiter told {rpm:g} a minute, bucket 10",
)
