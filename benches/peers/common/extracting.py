"""The extract scenario: every page of a folder, one thread, texts written for the harness to score."""

import time
from pathlib import Path

from peer import Report, arguments, fail


def measure(peer, version, settings, extract):
    """`extract(bytes) -> str | None`. Reading the pages and writing the texts is not timed; a page that fails is empty."""
    asked = arguments(pages=None, out=None)
    pages = sorted(Path(asked["pages"]).glob("*.html"))
    if not pages:
        fail(f"no *.html in {asked['pages']}")
    out = Path(asked["out"])
    out.mkdir(parents=True, exist_ok=True)
    seconds, failed = 0.0, 0
    for page in pages:
        body = page.read_bytes()
        began = time.perf_counter()
        try:
            text = extract(body)
        except Exception:  # Whatever a page makes it raise; the page counts as empty, as for every other extractor.
            text, failed = None, failed + 1
        seconds += time.perf_counter() - began
        (out / f"{page.stem}.txt").write_text(text or "", encoding="utf-8")
    report = Report(peer, version, settings)
    report.line("pages_per_second", "pages/s", len(pages) / seconds)
    report.line("failed", "pages", failed)
