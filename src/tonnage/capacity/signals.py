"""What the rules of advice.py judge: a running server, and the machine around it, over the same few seconds."""

from __future__ import annotations

from dataclasses import dataclass

from tonnage.control.overview import Overview, WorkerView


@dataclass(frozen=True, slots=True)
class Growth:
    """Of one worker's memory, by its requests (trend.slope); only of workers that were watched long enough."""

    pid: int
    octets_per_request: float
    grown: int  # octets, from the first to the last sample
    requests: int  # in between
    rps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    seen: Overview
    idle_cpus: float  # of those that we may use, nobody used them
    quota: float | None = None  # CPUs; None: there is none
    throttled: float = 0.0  # 0..1: share of the quota's periods in which we were made to wait
    memory_limit: int = 0  # octets; 0: not known
    memory_room: int = 0  # octets that are left under it
    memory_source: str = ""
    files: int = 0  # the most that one worker has open
    files_limit: int | None = None
    connections_limit: int = 1000  # of each worker: --worker-connections
    database: int | None = None  # connections to database servers; None: was not looked at
    database_limit: int = 0  # --database-connections; 0: not told
    most_busy: float | None = None  # threads that were busy at once, at most, for as long as `watched_s`
    watched_s: float = 0.0
    growths: tuple[Growth, ...] = ()
    surge: int = 1
    one_at_a_time: bool = True  # the sync worker

    @property
    def ready(self) -> tuple[WorkerView, ...]:
        return tuple(worker for worker in self.seen.workers if worker.state == "ready")

    @property
    def waiting(self) -> int:
        """Connections in the accept queues."""
        return sum(listener.waiting or 0 for listener in self.seen.listeners)

    @property
    def worker_octets(self) -> int:
        """What one more worker takes: as much as the biggest has. 0: not measured yet."""
        return max((worker.pss or 0 for worker in self.seen.workers), default=0)

    @property
    def waiting_share(self) -> float:
        """0..1: how much of a request's time its thread waits for something else than the CPU."""
        busy_threads = sum(worker.busy for worker in self.ready) * self.seen.threads
        return max(0.0, 1.0 - self.seen.cpu / busy_threads) if busy_threads > 0 else 0.0
