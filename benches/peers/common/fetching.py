"""The fetch scenario: the addresses of a file, one a line; each body becomes a file, named by its line's number."""

from pathlib import Path

from peer import Report, arguments


class Fetch:
    """What was asked for, and what came of it."""

    def __init__(self, peer, version, settings):
        asked = arguments(urls=None, out=None, concurrency=32)
        self.urls = Path(asked["urls"]).read_text().split()
        self.concurrency = asked["concurrency"]
        self.out = Path(asked["out"])
        self.out.mkdir(parents=True, exist_ok=True)
        self.report = Report(peer, version, settings.format(concurrency=self.concurrency))
        # What an earlier round left must not count as fetched. The files stay: making them anew is no part of fetching.
        for number in range(len(self.urls)):
            self.file(number).write_bytes(b"")

    def file(self, number):
        return self.out / str(number)

    def done(self, seconds):
        """Prints the figures: pages are files that are there and not empty."""
        sizes = (self.file(number) for number in range(len(self.urls)))
        pages = sum(file.is_file() and file.stat().st_size > 0 for file in sizes)
        self.report.line("seconds", "s", seconds)
        self.report.line("pages", "pages", pages)
