"""What every peer's script shares: its arguments, its lines of output, and Redis's own counters."""

import importlib.metadata
import json
import socket
import sys
import time
import urllib.parse


def arguments(**defaults):
    """The `key=value` arguments; a key whose default is None must be given.

    Values are converted to the type of their default. Exits with 2 on anything else.
    """
    given = dict(argument.split("=", 1) for argument in sys.argv[1:] if "=" in argument)
    stray = [argument for argument in sys.argv[1:] if "=" not in argument] + sorted(given.keys() - defaults.keys())
    missing = [key for key, default in defaults.items() if default is None and key not in given]
    if stray or missing:
        fail(f"unknown: {stray}, missing: {missing}; keys: {', '.join(defaults)}", 2)
    try:
        return {
            key: given.get(key) if default is None else type(default)(given.get(key, default))
            for key, default in defaults.items()
        }
    except ValueError as error:
        fail(str(error), 2)


def fail(reason, status=1):
    """Ends the script with its reason on standard error."""
    print(f"{sys.argv[0]}: {reason}", file=sys.stderr)
    sys.exit(status)


def version_of(distribution):
    """The installed version of a Python package."""
    return importlib.metadata.version(distribution)


def locked_version(package, lock):
    """The version of a crate in a Cargo.lock."""
    lines = iter(lock.read_text().splitlines())
    for line in lines:
        if line == f'name = "{package}"':
            return next(lines).split('"')[1]
    fail(f"no {package} in {lock}")


class Report:
    """Prints figures, one JSON line each."""

    def __init__(self, peer, version, settings):
        self.peer, self.version, self.settings = peer, version, settings

    def line(self, metric, unit, value, settings=None):
        figure = {
            "peer": self.peer,
            "version": self.version,
            "settings": settings or self.settings,
            "metric": metric,
            "unit": unit,
            "value": value,
        }
        print(json.dumps(figure, ensure_ascii=False), flush=True)


class Redis:
    """One connection, one command at a time, so that no client library is needed and each command is counted."""

    def __init__(self, url):
        at = urllib.parse.urlsplit(url)
        self.sent = 0
        self.socket = socket.create_connection((at.hostname, at.port), timeout=60)
        self.lines = self.socket.makefile("rb")
        if at.password:
            self.call("AUTH", *(urllib.parse.unquote(word) for word in (at.username, at.password) if word))
        if at.path.strip("/"):
            self.call("SELECT", at.path.strip("/"))

    def call(self, *words):
        words = [str(word).encode() for word in words]
        request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.sent += 1
        self.socket.sendall(request)
        return self._answer()

    def _answer(self):
        line = self.lines.readline()
        kind, rest = line[:1], line[1:].strip()
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.lines.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == b"-1" else [self._answer() for _ in range(int(rest))]
        raise RuntimeError(f"Redis answered {line[:200]!r}")

    def spent(self):
        """Seconds of CPU time and commands since Redis started, without the commands of this connection.

        Commands that scripts call are counted, as Redis does and as Sheaf's own figures are.
        """
        info = dict(line.split(":", 1) for line in self.call("INFO", "everything").splitlines() if ":" in line)
        calls = sum(
            int(value.split("calls=", 1)[1].split(",", 1)[0])
            for key, value in info.items()
            if key.startswith("cmdstat_") and "calls=" in value
        )
        # The INFO that is being answered is not among them yet.
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"]), calls - (self.sent - 1)


def wait_for(holds, seconds, pause=0.01):
    """Whether `holds()` came true within the time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
    return True
