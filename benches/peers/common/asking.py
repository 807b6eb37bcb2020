"""The llm scenario, the same for every peer: who starts whom, what is timed, and what counts as answered.

`measure_llm.py` calls `measure`, which starts `ask.py` of the same folder as a process of its own: `process_seconds`
are those of the whole process, `seconds` those of asking. `ask.py` calls `run` with a coroutine.

The prompt of call N is `Document #N. What is it about?`; it is answered by `Document #N: ` and more, as the provider of
`bench` does, so that an answer to another's question does not count.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from peer import Report, arguments, fail

MODEL = "bench"
# Peers refuse to start without one.
KEY = "none"


def measure(peer, version, settings, unlimited="", limited=""):
    """Runs one measurement. `unlimited` and `limited` are added to the settings without and with `rpm`."""
    asked = arguments(base_url=None, calls=0, concurrency=10, retries=-1, rpm=0.0)
    if asked["calls"] < 1 or asked["concurrency"] < 1:
        fail("calls=N and concurrency=C must be at least 1", 2)
    words = [settings.format(**asked)]
    words += ["default retries" if asked["retries"] < 0 else f"{asked['retries']} retries"]
    words += filter(None, [(limited if asked["rpm"] else unlimited).format(**asked)])
    report = Report(peer, version, ", ".join(words))
    began = time.monotonic()
    script = Path(sys.argv[0]).with_name("ask.py")
    asker = subprocess.run(
        [sys.executable, script], env={**os.environ, "PEER_ASKED": json.dumps(asked)}, stdout=subprocess.PIPE, text=True
    )
    process_seconds = time.monotonic() - began
    if asker.returncode:
        fail(f"{script} ended with {asker.returncode}")
    figures = json.loads(asker.stdout.splitlines()[-1])
    report.line("seconds", "s", figures["seconds"])
    report.line("process_seconds", "s", process_seconds)
    report.line("answered", "calls", figures["answered"])


def asked():
    """The arguments, in the asker. `retries` is None where the peer's default is wanted, `rpm` where there is none."""
    given = json.loads(os.environ["PEER_ASKED"])
    return {**given, "retries": None if given["retries"] < 0 else given["retries"], "rpm": given["rpm"] or None}


def prompts(calls):
    return [f"Document #{number}. What is it about?" for number in range(calls)]


def run(answers):
    """Awaits a coroutine of the answers' texts, in the order of the prompts, None for a failed one; prints figures."""
    import uvloop

    began = time.monotonic()
    texts = uvloop.run(answers)
    seconds = time.monotonic() - began
    answered = sum((text or "").startswith(f"Document #{number}: ") for number, text in enumerate(texts))
    print(json.dumps({"seconds": seconds, "answered": answered}))
