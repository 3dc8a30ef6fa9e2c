"""What one worker of an application costs, as measured: the figures, and their JSON. Measures nothing (weighing.py).

Each figure is what was seen; what could not be seen is None and has its reason in `notes`, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from inspect import Parameter, signature
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Weight:
    """Memory and start of one way to start workers. Octets are PSS: they add up, whoever shares what with whom."""

    preload: bool  # the application is loaded once, in a zygote, and workers are forked from it
    workers: int  # n of "each further": how many there were at most
    base_octets: int  # supervisor, and with preload the zygote; beside one worker
    first_octets: int  # the first worker, warm
    further_octets: int  # each further one: (sum of all with n - sum of all with 1) / (n - 1)
    boot_s: float  # from the start of the process (of a worker, or of the zygote) to the first that is ready


@dataclass(frozen=True, slots=True)
class Link:
    """What a worker has connected to."""

    address: str  # HOST:PORT, [V6]:PORT or unix:PATH
    connections: int  # of one worker, the most that was seen


@dataclass(frozen=True, slots=True)
class Footprint:
    app: str
    worker_class: str
    threads: int  # requests that one worker served at the same time while it was measured: its `threads`
    paths: tuple[str, ...]  # request targets that were asked for, by GET
    requests: int  # that the figures below are from
    plain: Weight
    preloaded: Weight | None  # None: cannot be preloaded; a note says why
    growth_octets_per_1k: float  # of one worker's PSS per 1,000 requests, Theil-Sen; 0 or more; after warm-up
    cpu_s_per_request: float  # user and system time of the worker: D_cpu
    service_s_per_request: float  # from the first octet read to the last one handed to the kernel, one at a time: S
    waiting_share: float  # of the service time, 0..1: for the database, the network, the disk
    os_threads: int  # of one worker, warm
    files: int  # open file descriptors of one worker, warm, beside those of clients
    links: tuple[Link, ...]
    service_p95_s: float | None = None  # 95 of 100 took no longer; None: not known, taken as an exponential's
    service_variation: float = 1.0  # squared coefficient of variation, Cs^2; 1: an exponential's
    redirects: tuple[str, ...] = ()  # of the paths: those that are answered with a redirect, which is what was measured
    notes: tuple[str, ...] = ()  # what was not measured, or must be known to read the figures; a line each

    @property
    def boot_s(self) -> float:
        return self.plain.boot_s

    @property
    def is_of_redirects(self) -> bool:
        return set(self.paths) <= set(self.redirects)

    def weight(self, *, preload: bool) -> Weight:
        """That of the way to start which was asked for, or of the only one there is."""
        return self.preloaded if preload and self.preloaded is not None else self.plain

    def as_object(self) -> dict[str, object]:
        return asdict(self)


def from_object(found: object) -> Footprint:
    """What a newer version says besides is left out, what an older did not say has its default.

    Raises ValueError when something else is missing.
    """
    said = found if isinstance(found, dict) else {}
    preloaded = said.get("preloaded")
    return _made(
        Footprint,
        said,
        plain=_made(Weight, said.get("plain")),
        preloaded=_made(Weight, preloaded) if preloaded is not None else None,
        paths=tuple(_several(said, "paths")),
        redirects=tuple(said.get("redirects", ())),
        links=tuple(_made(Link, each) for each in _several(said, "links")),
        notes=tuple(_several(said, "notes")),
    )


def _several(said: dict[object, object], name: str) -> list[object]:
    several = said.get(name)
    if not isinstance(several, list | tuple):
        raise ValueError(f"`{name}` is missing")  # noqa: TRY004  # every refusal of what was sent is a ValueError here
    return list(several)


def _made(kind: Callable[..., T], found: object, **parts: object) -> T:
    known = found if isinstance(found, dict) else {}
    asked = {name: each.default for name, each in signature(kind).parameters.items() if name not in parts}
    missing = next((name for name, default in asked.items() if name not in known and default is Parameter.empty), None)
    if missing is not None:
        raise ValueError(f"`{missing}` is missing")
    return kind(**{name: known.get(name, default) for name, default in asked.items()}, **parts)
