"""Asks a router with one deployment; a semaphore bounds what is in flight."""

import asyncio

import litellm
from asking import KEY, MODEL, asked, prompts, run
from litellm import Router

litellm.suppress_debug_info = True


async def answers():
    given = asked()
    retries = {} if given["retries"] is None else {"num_retries": given["retries"]}
    deployment = {"model": f"openai/{MODEL}", "api_base": given["base_url"], "api_key": KEY}
    if given["rpm"]:
        deployment["rpm"] = int(given["rpm"])
    semaphore = asyncio.Semaphore(given["concurrency"])
    router = Router(model_list=[{"model_name": MODEL, "litellm_params": deployment}], **retries)

    async def ask(prompt):
        async with semaphore:
            try:
                answer = await router.acompletion(
                    model=MODEL, messages=[{"role": "user", "content": prompt}], max_tokens=20
                )
            except Exception:  # Its errors have no common ancestor but this.
                return None
            return answer.choices[0].message.content

    return await asyncio.gather(*(ask(prompt) for prompt in prompts(given["calls"])))


run(answers())
