"""Asks by `abatch`, with its own bound and, where a limit is told, its own limiter."""

from asking import KEY, MODEL, asked, prompts, run
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_openai import ChatOpenAI


async def answers():
    given = asked()
    more = {} if given["retries"] is None else {"max_retries": given["retries"]}
    if given["rpm"]:
        more["rate_limiter"] = InMemoryRateLimiter(
            requests_per_second=given["rpm"] / 60, check_every_n_seconds=0.02, max_bucket_size=10
        )
    model = ChatOpenAI(model=MODEL, base_url=given["base_url"], api_key=KEY, max_tokens=20, **more)
    config = {"max_concurrency": given["concurrency"]}
    messages = await model.abatch(prompts(given["calls"]), config=config, return_exceptions=True)
    return [None if isinstance(message, Exception) else message.content for message in messages]


run(answers())
