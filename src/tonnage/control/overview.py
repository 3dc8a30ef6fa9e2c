"""A running server at one moment, as `tonnage status` shows it: the one observation that status, top, the metrics, the
dashboard and the advice are made from. Everything is JSON as it stands.

Counts are since the start, over all workers that ever were; rates and quantiles are those of the last WINDOW_S seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from inspect import Parameter, signature
from typing import TypeVar

T = TypeVar("T")

WINDOW_S = 10
PEAK_S = 60  # who looks once a minute misses no peak, and takes none from another who looks


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request that the application has at this moment."""

    line: str
    age_s: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of some times; all 0 where there were none."""

    p50_s: float = 0.0
    p95_s: float = 0.0
    p99_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Counted times: how many lay below each bound, and not below the one before."""

    bounds_s: tuple[float, ...] = ()  # only where something was counted
    counts: tuple[int, ...] = ()
    sum_s: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class WorkerView:
    pid: int
    slot: int
    age: int  # counts up over all workers ever started
    generation: int
    state: str  # booting, ready, draining, quitting, aborting
    lived_s: float  # since its fork
    requests: int  # answered
    connections: int  # open now
    in_flight: tuple[InFlight, ...]  # the oldest first
    rps: float = 0.0
    busy: float = 0.0  # 0..1: how much of its threads' time the application had them
    cpu: float = 0.0  # CPUs used; 1.0 is one whole CPU
    service: Quantiles = Quantiles()
    pss: int | None = None  # octets; RSS where the kernel does not show PSS; None: not measured yet
    gil_wait_s: float = 0.0  # mean: how long a thread that could run waits for the interpreter
    loop_lag_s: float = 0.0  # asgi: how late its event loop is
    received: int = 0  # octets
    sent: int = 0  # octets of content
    statuses: tuple[int, ...] = (0, 0, 0, 0, 0)  # 1xx .. 5xx
    unnamed: int = 0  # in flight besides those of `in_flight`: an event loop has more requests than there is room for


@dataclass(frozen=True, slots=True)
class ListenerView:
    url: str
    waiting: int | None  # in the accept queue; None: the kernel does not say
    limit: int | None
    peak: int | None = None  # the most that were seen waiting within the last PEAK_S


@dataclass(frozen=True, slots=True)
class Totals:
    """Since the start, over all workers that ever were: none of it ever goes down."""

    requests: int = 0
    accepted: int = 0  # connections
    received: int = 0  # octets
    sent: int = 0  # octets of content
    statuses: tuple[int, ...] = (0, 0, 0, 0, 0)
    cpu_s: float = 0.0  # of the workers
    gil_wait_s: float = 0.0
    gil_looks: int = 0
    service: Spread = Spread()
    queue: Spread = Spread()
    first_byte: Spread = Spread()


@dataclass(frozen=True, slots=True)
class Restarts:
    """Workers that had to be replaced."""

    reason: str  # see REASONS in supervisor/tally.py
    count: int


@dataclass(frozen=True, slots=True)
class Advice:
    """A limit that binds now, and what would lift it."""

    name: str  # by what: workers, cpu, database, memory, backlog, threads, files, leak, slow_clients, oversized
    text: str  # measured figures, remedy, expected gain
    since: float = 0.0  # Unix time; set by the supervisor when the episode begins


@dataclass(frozen=True, slots=True)
class Overview:
    version: str
    pid: int
    mode: str  # starting, serving, draining, quitting
    generation: int  # the one that workers are started from
    want: int  # workers
    uptime_s: float
    listeners: tuple[ListenerView, ...]
    workers: tuple[WorkerView, ...]  # the oldest first
    unix_s: float = 0.0  # when this was seen
    started_s: float = 0.0  # Unix time: when the supervisor was
    threads: int = 1  # of each worker
    rps: float = 0.0
    busy: float = 0.0  # 0..1, over the threads of all workers
    cpu: float = 0.0  # CPUs that the workers use
    cpus: float = 1.0  # CPUs that they may use
    headroom: float = 1.0  # 0..1: what is left of that which is nearest to its end, threads or CPUs
    service: Quantiles = Quantiles()
    queue: Quantiles = Quantiles()
    first_byte: Quantiles = Quantiles()
    totals: Totals = Totals()
    restarts: tuple[Restarts, ...] = ()
    capped: tuple[Advice, ...] = ()

    @property
    def ready(self) -> int:
        return sum(worker.state == "ready" for worker in self.workers)

    @property
    def in_flight(self) -> int:
        return sum(len(worker.in_flight) + worker.unnamed for worker in self.workers)

    def as_object(self) -> dict[str, object]:
        return asdict(self)


def from_object(found: object) -> Overview:
    """What a newer version says besides is left out, and what an older one does not say has its default.

    Raises ValueError when something is missing that has none.
    """
    return _made(
        Overview,
        found,
        listeners=tuple(_made(ListenerView, each) for each in _several(found, "listeners")),
        workers=tuple(_worker(each) for each in _several(found, "workers")),
        restarts=tuple(_made(Restarts, each) for each in _several(found, "restarts")),
        capped=tuple(_made(Advice, each) for each in _several(found, "capped")),
        totals=_totals(_part(found, "totals")),
        service=_made(Quantiles, _part(found, "service")),
        queue=_made(Quantiles, _part(found, "queue")),
        first_byte=_made(Quantiles, _part(found, "first_byte")),
    )


def _worker(found: object) -> WorkerView:
    in_flight = tuple(_made(InFlight, each) for each in _several(found, "in_flight"))
    return _made(WorkerView, found, in_flight=in_flight, service=_made(Quantiles, _part(found, "service")))


def _totals(found: object) -> Totals:
    spreads = {name: _made(Spread, _part(found, name)) for name in ("service", "queue", "first_byte")}
    return _made(Totals, found, **spreads)


REQUIRED = ("listeners", "workers", "in_flight")


def _several(found: object, name: str) -> list[object]:
    several = found.get(name) if isinstance(found, dict) else None
    if several is None and name not in REQUIRED:
        return []
    if not isinstance(several, list):
        raise ValueError(f"`{name}` is missing")  # noqa: TRY004  # every refusal of what was sent is a ValueError here
    return several


def _part(found: object, name: str) -> object:
    return found.get(name) if isinstance(found, dict) else None


def _made(kind: Callable[..., T], found: object, **parts: object) -> T:
    known = found if isinstance(found, dict) else {}
    given = dict(parts)
    for name, parameter in signature(kind).parameters.items():
        if name in parts:
            continue
        if name in known:
            value = known[name]
            given[name] = tuple(value) if isinstance(value, list) else value
        elif parameter.default is Parameter.empty:
            raise ValueError(f"{name!r} is missing")
    return kind(**given)
