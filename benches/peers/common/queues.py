"""The queue scenario, the same for every peer: what is timed, what is counted, and when a worker is killed.

A peer says how a producer and a worker are started (`Broker`); this module starts them as processes of their own.

- `enqueue_one` and `enqueue_bulk`: jobs divided by the seconds that the producer itself took; its start is not counted.
- `drain`: over a backlog that is there before the workers start, from the first result seen to the last: the start of
  a worker is not counted. A job is done when its result is kept and it is acknowledged.
- `redis_us`, `redis_commands`: what Redis spent on enqueueing (in bulk where the peer can) and draining, by jobs.
- recovery: jobs that sleep, long enough that two workers together need two seconds; one of them is killed with SIGKILL
  when half of the jobs are done. `recovery` is the time from then until every job was done. It contains what the other
  worker had left to do, which is over before any peer misses the first. `lost`: jobs not done within the limit.
  `doubled`: jobs whose work was done more than once, which delivery at least once allows.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from peer import Redis, Report, arguments, fail, wait_for
from workers import Worker

# Tells a Redis that holds the remains of a measurement that was ended from one that is somebody's.
MARK = "sheaf-peers"
# Seconds without one more result after which a drain has failed.
STUCK = 120
# Seconds that the two workers together need for the work of the recovery scenario.
WORK_SECONDS = 2


@dataclass
class Broker:
    """A peer of the queue."""

    name: str
    version: str
    # The producer's command; `one|bulk FIRST COUNT` follows, and it prints the seconds it took.
    producer: list
    # The command of one worker, by settings: plain (nothing is killed), default, tuned.
    worker: Callable[[str], list]
    # How many jobs are done, asked in commands whose cost does not grow: (redis, jobs pushed) -> jobs.
    done: Callable[[Redis, int], int]
    # In words: what was measured in the plain case, and the same for recovery.
    settings: str
    default: str
    tuned: str
    # Jobs that one worker works on at once.
    at_once: int
    # In words: what pushing in bulk is, where the peer has it.
    bulk: str | None = None
    # Workers that drain.
    workers: int = 1
    # The most jobs that may wait, where the peer has a limit.
    backlog: int | None = None


def measure(broker):
    """Runs what the arguments ask for."""
    asked = arguments(redis=None, jobs=0, bytes=2000, recovery=0, limit=120.0)
    if asked["jobs"] < 10:
        fail("jobs=N must be at least 10", 2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    scene = Scene(broker, asked)
    try:
        if asked["recovery"]:
            scene.recover(asked["jobs"], asked["limit"])
        else:
            scene.rates(asked["jobs"])
    finally:
        scene.clear()


class Scene:
    """One peer on one Redis."""

    def __init__(self, broker, asked):
        self.broker = broker
        self.report = Report(broker.name, broker.version, broker.settings)
        self.redis = Redis(asked["redis"])
        if self.redis.call("DBSIZE") and not self.redis.call("EXISTS", MARK):
            fail(f"{asked['redis']} holds keys of others; give a Redis, or a database of one, that is empty")
        self.environment = {"PEER_REDIS": asked["redis"], "PEER_BYTES": str(asked["bytes"])}
        self.workers = []
        self.empty()

    def empty(self):
        """Begins anew. Only ever called on a database that was empty or marked as this program's own."""
        self.redis.call("FLUSHDB")
        self.redis.call("SET", MARK, "may be emptied")

    def clear(self):
        self.end_workers()
        self.redis.call("FLUSHDB")

    def end_workers(self):
        for worker in self.workers:
            worker.kill()
        self.workers = []

    def start(self, count, settings, **more):
        environment = {**self.environment, "PEER_SETTINGS": settings, **more}
        self.workers = [Worker(self.broker.worker(settings), environment) for _ in range(count)]

    def push(self, how, first, count, settings="plain"):
        """The seconds that a producer took."""
        producer = subprocess.run(
            [*self.broker.producer, how, str(first), str(count)],
            env={**os.environ, **self.environment, "PEER_SETTINGS": settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if producer.returncode:
            fail(f"the producer ended with {producer.returncode}: {producer.stderr[-1500:]}")
        return float(producer.stdout.split()[-1])

    def rates(self, jobs):
        broker = self.broker
        how = "bulk" if broker.bulk else "one"
        if broker.bulk:
            few = max(jobs // 10, 1)
            self.report.line("enqueue_one", "jobs/s", few / self.push("one", 0, few))
            self.empty()
        pushing = drained = draining = cpu = commands = 0
        wave = broker.backlog or jobs
        for first in range(0, jobs, wave):
            count = min(wave, jobs - first)
            before = self.redis.spent()
            pushing += self.push(how, first, count)
            part, seconds = self.drain(count)
            drained, draining = drained + part, draining + seconds
            after = self.redis.spent()
            cpu, commands = cpu + after[0] - before[0], commands + after[1] - before[1]
            self.empty()
        if broker.bulk:
            self.report.line("enqueue_bulk", "jobs/s", jobs / pushing, f"{broker.settings}; {broker.bulk}")
        else:
            self.report.line("enqueue_one", "jobs/s", jobs / pushing)
        self.report.line("drain", "jobs/s", drained / draining)
        self.report.line("redis_us", "us/job", cpu * 1e6 / jobs)
        self.report.line("redis_commands", "commands/job", commands / jobs)

    def drain(self, jobs):
        """Jobs done, and in which seconds, between the first look that saw one and the last."""
        began = time.monotonic()
        self.start(self.broker.workers, "plain")
        first, seen, last = None, 0, began
        while seen < jobs:
            done, now = self.broker.done(self.redis, jobs), time.monotonic()
            if done > seen:
                seen, last = done, now
                first = first or (done, now)
            elif now - last > STUCK:
                fail(f"{jobs - seen} of {jobs} jobs are not done, and none was in {STUCK} s")
            for worker in self.workers:
                if reason := worker.ended():
                    fail(f"{reason}\n{jobs - seen} of {jobs} jobs were left")
            time.sleep(0.005)
        self.end_workers()
        if seen != jobs:
            fail(f"{seen} jobs are done of {jobs}")
        # Too few to see a middle: then the start of the workers counts.
        return (jobs - first[0], last - first[1]) if first[0] < jobs else (jobs, last - began)

    def recover(self, jobs, limit):
        broker = self.broker
        if broker.backlog and jobs > broker.backlog:
            fail(f"{broker.name} keeps no more than {broker.backlog} waiting jobs", 2)
        for settings, words, ending in (("default", broker.default, ""), ("tuned", broker.tuned, "_tuned")):
            seconds, lost, doubled = self.kill_one(settings, jobs, limit)
            if not lost:
                self.report.line(f"recovery{ending}", "s", seconds, words)
            self.report.line(f"lost{ending}", "jobs", lost, f"{words}; within {limit:g} s")
            self.report.line(f"doubled{ending}", "jobs", doubled, words)
            self.empty()

    def kill_one(self, settings, jobs, limit):
        self.push("bulk" if self.broker.bulk else "one", 0, jobs, settings)
        with tempfile.TemporaryDirectory() as folder:
            log = Log(Path(folder) / "log")
            work = max(1, round(1000 * WORK_SECONDS * 2 * self.broker.at_once / jobs))
            self.start(2, settings, PEER_LOG=str(log.path), PEER_WORK_MS=str(work))
            try:
                if not wait_for(lambda: log.count() >= jobs / 2, STUCK):
                    reasons = [reason for worker in self.workers if (reason := worker.ended())]
                    fail(f"{log.count()} of {jobs} jobs were done in {STUCK} s; {reasons}")
                # Either: the last jobs may all be in the hands of one.
                if not wait_for(lambda: any(kill_at_work(worker, log) for worker in self.workers), STUCK):
                    fail("the worker that was to be killed had no work in hand; give more jobs")
                began = time.monotonic()
                wait_for(lambda: log.count() >= jobs, limit)
                seconds = time.monotonic() - began
            finally:
                self.end_workers()
            return seconds, jobs - log.count(), log.doubled()


def kill_at_work(worker, log):
    """Kills the worker if it has work in hand; otherwise it goes on, and the answer is no."""
    if reason := worker.ended():
        fail(reason)
    processes = worker.pause()
    log.count()
    if log.open_jobs(processes):
        worker.kill()
        return True
    worker.resume()
    return False


class Log:
    """What the jobs wrote: `b NUMBER PROCESS` when work on one began, `e NUMBER PROCESS` when it had ended."""

    def __init__(self, path):
        self.path, self.read = path, 0
        path.touch()
        self.times, self.begun = {}, {}

    def count(self):
        """Jobs that were done."""
        with self.path.open("rb") as log:
            log.seek(self.read)
            text = log.read()
        text = text[: text.rfind(b"\n") + 1]
        self.read += len(text)
        for line in text.decode().splitlines():
            what, number, process = line.split()
            if what == "b":
                self.begun[number] = int(process)
            else:
                self.times[number] = self.times.get(number, 0) + 1
        return len(self.times)

    def open_jobs(self, processes):
        """Jobs that these processes began last and that nobody has ended."""
        return [number for number, process in self.begun.items() if process in processes and number not in self.times]

    def doubled(self):
        """Jobs that were done more than once."""
        return sum(times > 1 for times in self.times.values())
