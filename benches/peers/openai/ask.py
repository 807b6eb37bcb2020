"""Asks with one client; a semaphore bounds what is in flight."""

import asyncio

from asking import KEY, MODEL, asked, prompts, run
from openai import AsyncOpenAI, DefaultAioHttpClient, OpenAIError


async def answers():
    given = asked()
    retries = {} if given["retries"] is None else {"max_retries": given["retries"]}
    semaphore = asyncio.Semaphore(given["concurrency"])
    async with AsyncOpenAI(
        base_url=given["base_url"], api_key=KEY, http_client=DefaultAioHttpClient(), **retries
    ) as client:

        async def ask(prompt):
            async with semaphore:
                try:
                    answer = await client.chat.completions.create(
                        model=MODEL, messages=[{"role": "user", "content": prompt}], max_tokens=20
                    )
                except OpenAIError:
                    return None
                return answer.choices[0].message.content

        return await asyncio.gather(*(ask(prompt) for prompt in prompts(given["calls"])))


run(answers())
