"""What a supervisor is told: at its start, and with every reload again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tonnage.config.values import Address
from tonnage.hooks import CountHook, PairHook, ServerHook
from tonnage.supervisor.state import NEVER, Rules
from tonnage.system import cgroup, cpus
from tonnage.system.listeners import Listener
from tonnage.system.scoreboard import Scoreboard
from tonnage.system.seat import Seat

SHARE_OF_LIMIT = 0.9  # above that the kernel begins to look for somebody to kill


def at_once() -> int:
    """How many workers may boot together: more than there are CPUs for would only make each of them slower."""
    return max(1, math.ceil(cpus.usable()))


def ceiling() -> int:
    """What all processes together may take where nothing is set; 0: as much as there is."""
    group = cgroup.find("memory")
    limit = cgroup.memory_limit(group) if group is not None else None
    return int(limit.octets * SHARE_OF_LIMIT) if limit is not None else 0


@dataclass(frozen=True, slots=True)
class Settings:
    workers: int  # 0: Release.size says
    min_workers: int = 1
    max_workers: int = 0
    worker_class: str = "sync"  # for the log
    is_class_given: bool = True  # or else an ASGI application gets asgi
    graceful_timeout_s: float = 30.0
    boot_timeout_s: float = 60.0  # 0: for ever
    timeout_s: float = 30.0  # of one request; 0: for ever. Enforced by the worker, and here when it cannot
    boot_at_once: int = 0  # 0: as many as there are CPUs
    surge: int = 1
    bake_s: float = 0.0
    drain_delay_s: float = 0.0
    lifetime_s: float = 0.0
    worker_memory: int = 0  # octets
    total_memory: int = 0  # 0: 90 % of what the cgroup may take
    pidfile: Path | None = None
    ready_fd: int | None = None  # gets one line per listener when the first worker is ready, then end of file
    proc_name: str = "tonnage"

    def rules(self, slots: int, *, preload: bool = False) -> Rules:
        return Rules(
            slots,
            graceful_timeout_s=self.graceful_timeout_s,
            boot_timeout_s=self.boot_timeout_s or NEVER,
            boot_at_once=self.boot_at_once or at_once(),
            surge=self.surge,
            bake_s=self.bake_s,
            drain_delay_s=self.drain_delay_s,
            lifetime_s=self.lifetime_s or NEVER,
            worker_memory=self.worker_memory,
            total_memory=self.total_memory or ceiling(),
            preload=preload,
            min_workers=self.min_workers,
            max_workers=self.max_workers,
        )


@dataclass(frozen=True, slots=True)
class Warm:
    """What there is when the first worker of a generation is ready. Octets of PSS, which can be added up."""

    first: int | None  # that worker; None: the kernel does not show it
    further: int | None  # what the next one is going to take, beside what it shares
    server: int  # supervisor, and the zygote of its generation
    all: int  # supervisor, zygotes and workers, those of another generation or of the supervisor before us included
    preload: bool
    generation: int
    is_asgi: bool = False  # the application, which where no class was given has chosen it


@dataclass(frozen=True, slots=True)
class Sizing:
    workers: int
    lines: tuple[str, ...]  # for the log: how it came about
    is_tight: bool = False  # not even one fits, or it could not be measured: a warning


Size = Callable[[Warm], Sizing]


@dataclass(frozen=True, slots=True)
class Hooks:
    """Those of hooks.PARAMETERS that are called by the supervisor, or around a worker's life."""

    cfg: object = None  # what hooks find as server.cfg and worker.cfg
    on_starting: ServerHook | None = None
    on_reload: ServerHook | None = None
    when_ready: ServerHook | None = None
    nworkers_changed: CountHook | None = None
    pre_fork: PairHook | None = None  # in the zygote, where there is one: in the process that forks
    post_fork: PairHook | None = None  # in the worker
    worker_exit: PairHook | None = None  # in the worker
    child_exit: PairHook | None = None
    pre_exec: ServerHook | None = None  # in the child that is about to become the next supervisor
    on_exit: ServerHook | None = None


def nothing() -> None:
    """Where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """One generation: its settings, its code, its addresses."""

    settings: Settings
    work: Callable[[Seat], int]  # what a worker does; runs in the child, and what it returns is its exit code
    addresses: tuple[Address, ...]
    listen: Callable[[Sequence[Address]], list[Listener]]  # raises BindError
    scoreboard: Scoreboard
    hooks: Hooks = field(default_factory=Hooks)
    size: Size | None = None  # how many workers there are to be, where the settings leave that open
    load: Callable[[], object] | None = None  # import the application, in a zygote; None: workers do it themselves
    apply: Callable[[], object] = (
        nothing  # make its settings the supervisor's own; raises TonnageError, and changes nothing
    )
    reopen_logs: Callable[[], object] = nothing
    notes: tuple[str, ...] = ()  # what has changed, a line each
    scheme: str = "http"  # what is spoken on all its addresses
