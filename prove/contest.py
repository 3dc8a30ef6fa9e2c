"""One way to serve an application, running: scaled, loaded in a closed loop, and what it took counted."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tonnage.control.client import Client
from tonnage.control.overview import Overview
from tonnage.control.requests import Scale, Status
from tonnage.system.cputime import used_ns

from .load import ROOT

LOOK_S = 0.03  # between two looks at what is waited for
SETTLED_S = 1.5  # a worker looks once a second whether it has siblings that could take connections
PATIENCE_S = 60.0

CPUS = sorted(os.sched_getaffinity(0))
TONNAGE = [sys.executable, "-m", "tonnage"]
NUMBERS = count()


@dataclass(frozen=True, slots=True)
class Way:
    worker_class: str
    threads: int
    workers: int

    @classmethod
    def of(cls, threads: int, workers: int) -> Way:
        return cls("sync" if threads == 1 else "gthread", threads, workers)

    @property
    def slots(self) -> int:
        """Requests that are served at the same time."""
        return self.workers * self.threads

    def __str__(self) -> str:
        threads = f" x {self.threads} threads" if self.worker_class == "gthread" else ""
        return f"{self.workers} {self.worker_class}{threads}"


@dataclass(frozen=True, slots=True)
class Arena:
    within: Callable[[list[str]], list[str]]  # a command -> the same, where it has the CPUs before others


@dataclass(frozen=True, slots=True)
class Load:
    rate: float  # requests a second
    lasted_s: float
    client_s: float  # CPU time of the client
    others_s: float  # and of all but server and client, the host included


@dataclass(frozen=True, slots=True)
class Served:
    process: subprocess.Popen[bytes]
    control: Path
    url: str
    arena: Arena

    def look(self) -> Overview:
        with Client(self.control) as client:
            return next(each for each in client.ask(Status()) if isinstance(each, Overview))

    def scale(self, workers: int) -> None:
        by = workers - self.look().want
        if by:
            with Client(self.control) as client:
                list(client.ask(Scale(by)))
        self.wait(lambda seen: seen.ready == workers == len(seen.workers) and _is_settled(seen))

    def wait(self, fits: Callable[[Overview], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not fits(self.look()):
            assert time.monotonic() < deadline, self.look()
            time.sleep(LOOK_S)

    def load(self, clients: int, seconds: int) -> Load:
        """In a closed loop. Returns when all is served."""
        script = str(ROOT / "bench" / "wrk.lua")
        wrk = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", script, self.url]
        pids = [self.process.pid, *(worker.pid for worker in self.look().workers)]
        before, began = Spent.now(pids), time.monotonic()
        done = subprocess.run(
            self.arena.within(wrk), capture_output=True, text=True, check=True, timeout=seconds + PATIENCE_S
        )
        after, lasted_s = Spent.now(pids), time.monotonic() - began
        self.wait(lambda seen: not any(worker.connections or worker.in_flight for worker in seen.workers))
        said = json.loads(done.stdout.strip().splitlines()[-1])
        spent = after.since(before)
        others_s = max(0.0, spent.all_s - spent.server_s - spent.client_s)
        return Load(said["requests"] / said["us"] * 1e6, lasted_s, spent.client_s, others_s)


def _is_settled(seen: Overview) -> bool:
    return all(worker.lived_s > SETTLED_S for worker in seen.workers)


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds until now."""

    all_s: float  # of everybody on our CPUs, also of the host, by proc_stat(5)
    server_s: float
    client_s: float

    @classmethod
    def now(cls, pids: list[int]) -> Spent:
        ours, ticks = {f"cpu{number}" for number in CPUS}, 0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *found = line.split()
            if name in ours:
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, found[:8])
                ticks += user + nice + system + irq + softirq + steal
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # of these only clients end between two looks
        client_s = ended.ru_utime + ended.ru_stime
        return cls(ticks / os.sysconf("SC_CLK_TCK"), sum(map(used_ns, pids)) / 1e9, client_s)

    def since(self, before: Spent) -> Spent:
        return Spent(self.all_s - before.all_s, self.server_s - before.server_s, self.client_s - before.client_s)


@contextmanager
def served(way: Way, directory: Path, arena: Arena) -> Iterator[Served]:
    """When all its workers are ready."""
    ready, tell = os.pipe()
    control = directory / f"control-{next(NUMBERS)}"
    command = [*TONNAGE, "app", "--bind", "127.0.0.1:0", "--ready-fd", str(tell), "--control-socket", str(control)]
    command += ["--workers", str(way.workers), "--threads", str(way.threads), "--worker-class", way.worker_class]
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(arena.within(command), cwd=directory, stderr=log, stdout=log, pass_fds=[tell])
    os.close(tell)
    with os.fdopen(ready) as pipe:
        url = pipe.readline().strip()
    try:
        assert url, (directory / "log").read_text()
        server = Served(process, control, url, arena)
        server.scale(way.workers)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
