"""What the supervisor can learn. The loop reads them off signals, channels and waitpid; the policy takes them in.

Workers are called by their `age`, a number that is never used twice; pids are the loop's business.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    quick: bool = False  # INT and QUIT: what is in flight is not waited for


@dataclass(frozen=True, slots=True)
class ScaleAsked:
    by: int


@dataclass(frozen=True, slots=True)
class ReloadAsked:
    """The code or the settings have changed."""


@dataclass(frozen=True, slots=True)
class ReopenAsked:
    """The log files were rotated."""


@dataclass(frozen=True, slots=True)
class UpgradeAsked:
    """A new supervisor is to be started beside this one."""


@dataclass(frozen=True, slots=True)
class WorkerForked:
    age: int


@dataclass(frozen=True, slots=True)
class ForkFailed:
    age: int
    reason: str


@dataclass(frozen=True, slots=True)
class WorkerReady:
    age: int


@dataclass(frozen=True, slots=True)
class WorkerBootFailed:
    """It has said so, and will exit."""

    age: int
    exit_code: int  # 3 or 4, as in errors.py
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class WorkerExited:
    age: int
    code: int  # negative: the signal that killed it


Fact = (
    Tick
    | StopAsked
    | ScaleAsked
    | ReloadAsked
    | ReopenAsked
    | WorkerForked
    | ForkFailed
    | WorkerReady
    | WorkerBootFailed
    | WorkerExited
)
