"""The extract scenario: every page of a folder, one thread, texts written for the harness to score.

Reading the pages and writing the texts is not timed. A page that an extractor cannot do counts as empty, and as failed.
"""

import os
import subprocess
import time
from pathlib import Path

from peer import Report, arguments, fail


def asked():
    """The folder of pages, and the one for the texts, which is made."""
    given = arguments(pages=None, out=None)
    pages, out = Path(given["pages"]), Path(given["out"])
    if not any(pages.glob("*.html")):
        fail(f"no *.html in {pages}")
    out.mkdir(parents=True, exist_ok=True)
    return pages, out


def measure(peer, version, settings, extract):
    """A Python peer: `extract(bytes) -> str | None`."""
    pages, out = asked()
    count, seconds, failed = 0, 0.0, 0
    for page in sorted(pages.glob("*.html")):
        body = page.read_bytes()
        began = time.perf_counter()
        try:
            text = extract(body)
        except Exception:  # Whatever a page makes it raise.
            text, failed = None, failed + 1
        seconds += time.perf_counter() - began
        count += 1
        (out / f"{page.stem}.txt").write_text(text or "", encoding="utf-8")
    tell(Report(peer, version, settings), count, seconds, failed)


def measure_program(peer, version, settings, program):
    """A Rust peer: a program of its environment that does the same, and prints pages, seconds and failures."""
    pages, out = asked()
    program = Path(os.environ["PEER_ENVIRONMENT"], "bin", program)
    ended = subprocess.run([program, pages, out], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        fail(f"{program} ended with {ended.returncode}")
    count, seconds, failed = ended.stdout.split()
    tell(Report(peer, version, settings), int(count), float(seconds), int(failed))


def tell(report, count, seconds, failed):
    report.line("pages_per_second", "pages/s", count / seconds)
    report.line("failed", "pages", failed)
