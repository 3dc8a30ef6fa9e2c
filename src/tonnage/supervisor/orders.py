"""What the policy can want: things to do, and things to say. The loop carries them out, in the order given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class Spawn:
    age: int
    slot: int
    generation: int


@dataclass(frozen=True, slots=True)
class Drain:
    age: int
    grace_s: float


@dataclass(frozen=True, slots=True)
class Quit:
    age: int


class Overdue(Enum):
    """Which patience has run out."""

    BOOT = auto()
    GRACE = auto()
    QUIT = auto()


@dataclass(frozen=True, slots=True)
class Kill:
    age: int
    overdue: Overdue
    after_s: float


@dataclass(frozen=True, slots=True)
class ReopenLogs:
    """Ours, and those of every worker."""


@dataclass(frozen=True, slots=True)
class Announce:
    """The first worker is ready: tell everybody who waits for that."""


@dataclass(frozen=True, slots=True)
class CloseListeners:
    """Workers have their own copies, and close them when they have drained."""


@dataclass(frozen=True, slots=True)
class WantChanged:
    new: int
    old: int


@dataclass(frozen=True, slots=True)
class Finish:
    """No worker is left."""

    exit_code: int


Deed = Spawn | Drain | Quit | Kill | ReopenLogs | Announce | CloseListeners | WantChanged | Finish


@dataclass(frozen=True, slots=True)
class Left:
    """A worker is gone, and nothing is wrong."""

    age: int
    code: int
    asked: bool


@dataclass(frozen=True, slots=True)
class Crashed:
    """A worker that was ready is gone."""

    age: int
    code: int
    lived_s: float  # from ready to death
    retry_s: float
    failures: int  # in a row; 0: it had served long enough not to count as one


@dataclass(frozen=True, slots=True)
class BootFailure:
    """A worker is gone, or about to go, before it was ready."""

    age: int
    code: int
    reason: str  # "" when it did not say
    detail: str
    retry_s: float | None = None  # None: the server has never been ready, and stops
    failures: int = 1


@dataclass(frozen=True, slots=True)
class NotForked:
    age: int
    reason: str
    retry_s: float
    failures: int


@dataclass(frozen=True, slots=True)
class ReloadAbandoned:
    generation: int
    back_to: int


@dataclass(frozen=True, slots=True)
class NotScaled:
    want: int
    most: int


Report = Left | Crashed | BootFailure | NotForked | ReloadAbandoned | NotScaled
Order = Deed | Report
