"""A running server at one moment, as `tonnage status` shows it. Everything is JSON as it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from inspect import signature
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request that the application has at this moment."""

    line: str
    age_s: float


@dataclass(frozen=True, slots=True)
class WorkerView:
    pid: int
    slot: int
    age: int  # counts up over all workers ever started
    generation: int
    state: str  # booting, ready, draining, quitting
    lived_s: float  # since its fork
    requests: int  # answered
    connections: int  # open now
    in_flight: tuple[InFlight, ...]  # the oldest first


@dataclass(frozen=True, slots=True)
class ListenerView:
    url: str
    waiting: int | None  # in the accept queue; None: the kernel does not say
    limit: int | None


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

    @property
    def ready(self) -> int:
        return sum(worker.state == "ready" for worker in self.workers)

    def as_object(self) -> dict[str, object]:
        return asdict(self)


def from_object(found: object) -> Overview:
    """What a newer version says besides is left out. Raises ValueError when something is missing."""
    listeners = tuple(_made(ListenerView, each) for each in _several(found, "listeners"))
    workers = tuple(_worker(each) for each in _several(found, "workers"))
    return _made(Overview, found, listeners=listeners, workers=workers)


def _worker(found: object) -> WorkerView:
    in_flight = tuple(_made(InFlight, each) for each in _several(found, "in_flight"))
    return _made(WorkerView, found, in_flight=in_flight)


def _several(found: object, name: str) -> list[object]:
    several = found.get(name) if isinstance(found, dict) else None
    if not isinstance(several, list):
        raise ValueError(f"`{name}` is missing")  # noqa: TRY004  # every refusal of what was sent is a ValueError here
    return several


def _made(kind: Callable[..., T], found: object, **parts: object) -> T:
    known = found if isinstance(found, dict) else {}
    names = signature(kind).parameters
    try:
        return kind(**{name: known[name] for name in names if name not in parts}, **parts)
    except KeyError as exc:
        raise ValueError(f"{exc} is missing") from None
