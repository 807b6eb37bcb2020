"""The job of the Python peers: no work, or a few milliseconds of it with a note before and after."""

import os
import time

URL = os.environ.get("PEER_REDIS", "")
SETTINGS = os.environ.get("PEER_SETTINGS", "plain")
BODY = "x" * int(os.environ.get("PEER_BYTES", "0"))
PAUSE = int(os.environ.get("PEER_WORK_MS", "0")) / 1000
_log = os.environ.get("PEER_LOG")
_log = _log and os.open(_log, os.O_WRONLY | os.O_APPEND)


def note(what, number):
    """One short write to a file opened for appending: lines of several processes do not mix."""
    if _log:
        os.write(_log, f"{what} {number} {os.getpid()}\n".encode())


def work(number):
    """Does the job, for peers of threads and processes."""
    if _log:
        note("b", number)
        time.sleep(PAUSE)
        note("e", number)
    return number
