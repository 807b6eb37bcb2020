"""Worker processes: started in this process's group, ended by their ids, with everything that they started."""

import ctypes
import os
import signal
import subprocess
import tempfile
from pathlib import Path

PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


def _end_with_parent():
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def tree(root):
    """A process and all that it started, and they in turn, parents first."""
    children = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold anything; the parent is the second field after it.
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        children.setdefault(parent, []).append(int(entry.parent.name))
    found = [root]
    for process in found:
        found.extend(children.get(process, []))
    return found


class Worker:
    """One worker as its user would start it: perhaps a process with more processes beneath."""

    def __init__(self, command, environment):
        self.said = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=self.said,
            stderr=self.said,
            preexec_fn=_end_with_parent,
        )

    def pause(self):
        """Stops all of it, so that it can be looked at; the ids of its processes."""
        for process in tree(self.process.pid):
            _signal(process, signal.SIGSTOP)
        # What started one more before it was stopped.
        processes = tree(self.process.pid)
        for process in processes:
            _signal(process, signal.SIGSTOP)
        return processes

    def resume(self):
        for process in tree(self.process.pid):
            _signal(process, signal.SIGCONT)

    def kill(self):
        """kill -9 for all of it, as a machine dies: none sees another die."""
        if self.process.poll() is not None:
            return
        for process in self.pause():
            _signal(process, signal.SIGKILL)
        self.process.wait()

    def ended(self):
        """The reason if it ended by itself, which no worker should."""
        status = self.process.poll()
        if status is None:
            return None
        self.said.seek(0)
        end = self.said.read().decode(errors="replace")[-1500:]
        return f"a worker ended with status {status}: {end}"


def _signal(process, number):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass
