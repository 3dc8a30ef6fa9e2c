"""What a supervisor is told at its start, and does not change while it runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tonnage.hooks import CountHook, PairHook, ServerHook
from tonnage.supervisor.state import NEVER, Rules


def cpus() -> int:
    """How many this process may use; starting more workers at once than that only makes each of them slower."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Settings:
    workers: int
    worker_class: str = "sync"  # for the log
    graceful_timeout_s: float = 30.0
    boot_timeout_s: float = 60.0  # 0: for ever
    timeout_s: float = 30.0  # for hooks to read; enforced with the issue "No client notices"
    boot_at_once: int = 0  # 0: as many as there are CPUs
    pidfile: Path | None = None
    ready_fd: int | None = None  # gets one line per listener when the first worker is ready, then end of file
    proc_name: str = "tonnage"

    def rules(self, slots: int) -> Rules:
        return Rules(
            slots,
            graceful_timeout_s=self.graceful_timeout_s,
            boot_timeout_s=self.boot_timeout_s or NEVER,
            boot_at_once=self.boot_at_once or cpus(),
        )


@dataclass(frozen=True, slots=True)
class Hooks:
    """Those of hooks.PARAMETERS that are called by the supervisor, or around a worker's life."""

    cfg: object = None  # what hooks find as server.cfg and worker.cfg
    on_starting: ServerHook | None = None
    when_ready: ServerHook | None = None
    nworkers_changed: CountHook | None = None
    pre_fork: PairHook | None = None
    post_fork: PairHook | None = None  # in the worker
    worker_exit: PairHook | None = None  # in the worker
    child_exit: PairHook | None = None
    on_exit: ServerHook | None = None
