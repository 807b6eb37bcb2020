"""curl --parallel.

Settings (curl's manual): --parallel-max as many as asked for, --parallel-immediate (a new connection rather than
waiting for one that might be shared), no progress meter, and one config file with every address and its file.

The seconds are those of the whole process.
"""

import subprocess
import tempfile
import time

from fetching import Fetch
from peer import fail

version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
fetch = Fetch("curl", version, "--parallel --parallel-immediate --parallel-max {concurrency}")
with tempfile.NamedTemporaryFile("w", suffix=".curl") as config:
    for number, url in enumerate(fetch.urls):
        config.write(f'url = "{url}"\noutput = "{fetch.file(number)}"\n')
    config.flush()
    command = ["curl", "--parallel", "--parallel-immediate", "--parallel-max", str(fetch.concurrency)]
    command += ["--no-progress-meter", "--fail", "--config", config.name]
    began = time.monotonic()
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.monotonic() - began
# 22: a server said no to a page, which is then not among the pages.
if ended.returncode not in (0, 22):
    fail(f"curl ended with {ended.returncode}: {ended.stderr[-500:]}")
fetch.done(seconds)
