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
class Hatch:
    """Start the zygote of a generation."""

    age: int
    generation: int


@dataclass(frozen=True, slots=True)
class Drain:
    age: int
    grace_s: float
    delay_s: float = 0.0
    serve_queue: bool = False  # nobody else will take what waits in the accept queue
    stays: bool = False  # for `delay_s` it goes on where those who took over do not listen, and nowhere else


@dataclass(frozen=True, slots=True)
class Quit:
    age: int
    gently: bool = False  # it boots, as far as is known; if it is ready already, it may have requests


class Overdue(Enum):
    """Which patience has run out."""

    BOOT = auto()
    GRACE = auto()
    QUIT = auto()
    REQUEST = auto()
    STACKS = auto()  # what comes after Abort; the reason was told with that


@dataclass(frozen=True, slots=True)
class Abort:
    """Have it write its stacks; it is killed next."""

    age: int
    overdue: Overdue
    after_s: float
    what: str = ""


@dataclass(frozen=True, slots=True)
class Kill:
    age: int
    overdue: Overdue
    after_s: float


@dataclass(frozen=True, slots=True)
class StartHeir:
    """Start a new supervisor beside this one."""


@dataclass(frozen=True, slots=True)
class ReadRelease:
    """Read the settings again."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """From now on workers are started from this generation: its settings are the server's."""

    generation: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing of this generation is left or will be needed."""

    generation: int


@dataclass(frozen=True, slots=True)
class LeaveListeners:
    """Those of ours that only this generation has. Its workers have their own copies, as with CloseListeners."""

    generation: int


@dataclass(frozen=True, slots=True)
class ReopenLogs:
    """Ours, and those of every worker."""


@dataclass(frozen=True, slots=True)
class Announce:
    """The first worker is ready: tell everybody who waits for that."""


@dataclass(frozen=True, slots=True)
class CloseListeners:
    """Ours. The workers have their own copies, serve who waits, and close them then: nobody is reset."""


@dataclass(frozen=True, slots=True)
class WantChanged:
    new: int
    old: int


@dataclass(frozen=True, slots=True)
class Size:
    """Measure this worker, the first of its generation, and find how many are to be wanted."""

    age: int
    generation: int


@dataclass(frozen=True, slots=True)
class Finish:
    """No worker is left."""

    exit_code: int


Steering = Spawn | Hatch | Drain | Quit | Abort | Kill  # of one process
Deed = (
    Steering
    | StartHeir
    | ReadRelease
    | Adopt
    | Forget
    | LeaveListeners
    | ReopenLogs
    | Announce
    | CloseListeners
    | WantChanged
    | Size
    | Finish
)


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
    retry_s: float  # NEVER: its generation is given up
    failures: int  # in a row; 0: it had served long enough not to count as one


@dataclass(frozen=True, slots=True)
class BootFailure:
    """A worker is gone, or about to go, before it was ready."""

    age: int
    code: int
    reason: str  # "" when it did not say
    detail: str
    retry_s: float | None = None  # None: the server has never been ready, and stops; NEVER: its generation is given up
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
    was_serving: bool = False  # it had taken over already
    from_disk: bool = False  # no image of the old one was kept: its new workers load what is there now


@dataclass(frozen=True, slots=True)
class CrashLoop:
    """One worker after the other dies, and there is no other generation to go back to."""

    generation: int
    failures: int
    retry_s: float


@dataclass(frozen=True, slots=True)
class ZygoteLost:
    """Its workers serve on."""

    age: int
    generation: int
    code: int


@dataclass(frozen=True, slots=True)
class TookOver:
    """Every worker that is wanted is of this generation."""

    generation: int
    bake_s: float


@dataclass(frozen=True, slots=True)
class Proven:
    """It has served long enough: the one before it is forgotten."""

    generation: int
    after_s: float


@dataclass(frozen=True, slots=True)
class NotReloaded:
    """The server stops: there is nothing left to reload."""


@dataclass(frozen=True, slots=True)
class NotUpgraded:
    """No new supervisor is started."""

    reason: str


@dataclass(frozen=True, slots=True)
class HeirLost:
    """The one that was started is no more."""

    reason: str
    undone: bool = False  # it has served already


@dataclass(frozen=True, slots=True)
class Rests:
    """No worker is left to this supervisor: another one serves."""


@dataclass(frozen=True, slots=True)
class Recycled:
    """It is being replaced."""

    age: int
    reason: str


@dataclass(frozen=True, slots=True)
class NotScaled:
    want: int
    limit: int
    setting: str = ""  # that the limit is from; "": the scoreboard has no more room


Report = (
    Left | Crashed | BootFailure | NotForked | ReloadAbandoned | CrashLoop | ZygoteLost | TookOver | Proven
    | NotReloaded | NotUpgraded | HeirLost | Rests | Recycled | NotScaled
)  # fmt: skip
Order = Deed | Report
