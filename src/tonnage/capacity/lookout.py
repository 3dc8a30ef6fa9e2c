"""Looks at the machine beside a running server, remembers what has to be remembered, and asks advice.py.

Called by the supervisor every few seconds, so nothing here waits, and what costs more than a few reads of /proc (whose
connections lead to a database) is looked at only when a rule could want it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tonnage.capacity.advice import BUSY, advise
from tonnage.capacity.facts import memory_bound
from tonnage.capacity.signals import Growth, Signals
from tonnage.capacity.trend import slope
from tonnage.control.overview import Advice, Overview
from tonnage.system import connections, cpus, processor, rlimits
from tonnage.system.cgroup import ROOT

SAMPLES = 60  # of one worker's memory; then every second one is dropped
LEAST_SAMPLES = 6
LEAST_REQUESTS = 200
DATABASES = frozenset(
    {5432, 6432, 3306, 1433, 1521, 27017}
)  # PostgreSQL, pgbouncer, MySQL, SQL Server, Oracle, MongoDB
LOCAL_DATABASES = ("/.s.PGSQL.", "/mysqld.sock", "/mysql.sock")  # their Unix sockets


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say."""

    connections: int
    database: int = 0
    surge: int = 1
    one_at_a_time: bool = True
    oversized_after_s: float = 1800.0


class Memory:
    """One worker's size, by how many requests it had answered."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float]] = []

    def take(self, requests: int, octets: int) -> None:
        if self.samples and self.samples[-1][0] == requests:
            return
        self.samples.append((requests, octets))
        if len(self.samples) > SAMPLES:
            del self.samples[1::2]

    def growth(self, pid: int, rps: float) -> Growth | None:
        if len(self.samples) < LEAST_SAMPLES:
            return None
        first, last = self.samples[0], self.samples[-1]
        requests = int(last[0] - first[0])
        if requests < LEAST_REQUESTS:
            return None
        return Growth(pid, slope(self.samples), int(last[1] - first[1]), requests, rps)


class Lookout:
    def __init__(self, limits: Callable[[], Limits], root: Path = ROOT) -> None:
        """`limits` are asked each time: a reload may change them."""
        self._limits = limits
        self._root = root
        self._processor = processor.times(root)
        self._throttling = {each.file: each for each in cpus.throttling(root)}
        self._memories: dict[int, Memory] = {}
        self._busy: deque[tuple[float, float]] = deque()  # (uptime, threads that were busy): each above all after it
        self._watched_since: float | None = None

    def __call__(self, seen: Overview) -> Sequence[Advice]:
        return advise(self.look(seen))

    def look(self, seen: Overview) -> Signals:
        limits, memory = self._limits(), memory_bound(self._root)
        self._remember_busy(seen, limits.oversized_after_s)
        watched_s = 0.0 if self._watched_since is None else seen.uptime_s - self._watched_since
        is_known = 0 < limits.oversized_after_s <= watched_s and bool(self._busy)
        pids = [worker.pid for worker in seen.workers if worker.state == "ready"]
        return Signals(
            seen=seen,
            idle_cpus=self._idle(seen),
            quota=min((each.cpus for each in cpus.quotas(self._root)), default=None),
            throttled=self._throttled(),
            memory_limit=int(memory.terms[0].limit) if memory.terms else 0,
            memory_room=int(memory.room) if memory.terms else 0,
            memory_source=memory.terms[0].source if memory.terms else "",
            files=max((_files(pid) for pid in pids), default=0),
            files_limit=rlimits.rlimit("Max open files", self._root),
            connections_limit=limits.connections,
            database=_to_databases(pids) if seen.busy >= BUSY else None,
            database_limit=limits.database,
            most_busy=max(busy for _, busy in self._busy) if is_known else None,
            watched_s=watched_s,
            growths=tuple(self._growths(seen)),
            surge=limits.surge,
            one_at_a_time=limits.one_at_a_time,
        )

    def _idle(self, seen: Overview) -> float:
        """CPUs that nobody used since the last look, of those that we may use."""
        ours = max(0.0, seen.cpus - seen.cpu)
        before, self._processor = self._processor, processor.times(self._root)
        if before is None or self._processor is None:
            return ours
        return min(ours, processor.idle(before, self._processor))

    def _throttled(self) -> float:
        """The share of periods since the last look, of the group where it is worst."""
        worst = 0.0
        for each in cpus.throttling(self._root):
            before = self._throttling.get(each.file)
            if before is not None and each.periods > before.periods:
                worst = max(worst, (each.throttled - before.throttled) / (each.periods - before.periods))
            self._throttling[each.file] = each
        return worst

    def _growths(self, seen: Overview) -> Iterable[Growth]:
        for gone in self._memories.keys() - {worker.pid for worker in seen.workers}:
            del self._memories[gone]
        for worker in seen.workers:
            if worker.pss is not None and worker.state == "ready":
                memory = self._memories.setdefault(worker.pid, Memory())
                memory.take(worker.requests, worker.pss)
                if growth := memory.growth(worker.pid, worker.rps):
                    yield growth

    def _remember_busy(self, seen: Overview, for_s: float) -> None:
        """Of what has been, only maxima are kept: those that nothing later has reached."""
        if self._watched_since is None and seen.rps > 0:
            self._watched_since = seen.uptime_s
        threads = max(seen.busy * seen.threads * len(seen.workers), float(seen.in_flight))
        while self._busy and self._busy[-1][1] <= threads:
            self._busy.pop()
        self._busy.append((seen.uptime_s, threads))
        while self._busy[0][0] < seen.uptime_s - for_s:
            self._busy.popleft()


def _files(pid: int) -> int:
    """0: it is gone, or not for us to see."""
    with suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


def _to_databases(pids: Iterable[int]) -> int:
    found = 0
    for pid in pids:
        with suppress(OSError):
            found += sum(count for name, count in connections.peers(pid).items() if is_database(name))
    return found


def is_database(peer: str) -> bool:
    """By the address alone: a port that databases have, or the name of their socket."""
    if peer.startswith("unix:"):
        return any(part in peer for part in LOCAL_DATABASES)
    return int(peer.rpartition(":")[2]) in DATABASES
