"""What the supervisor can learn. The loop reads them off signals, channels and waitpid; the policy takes them in.

Workers and zygotes are called by their `age`, a number that is never used twice; pids are the loop's business. Where a
fact says Worker, a zygote may be meant as well: it is started, gets ready and ends in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

from tonnage.supervisor.state import Rules


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
class Released:
    """The settings were read again, and nothing is wrong with them."""

    rules: Rules
    want: int  # 0: to be found out
    moves: bool = False  # its addresses are not those of the generation that serves


@dataclass(frozen=True, slots=True)
class Sized:
    """How many workers this generation is to have was found out, by its first worker."""

    generation: int
    want: int


@dataclass(frozen=True, slots=True)
class ReopenAsked:
    """The log files were rotated."""


@dataclass(frozen=True, slots=True)
class UpgradeAsked:
    """A new supervisor is to be started beside this one."""


@dataclass(frozen=True, slots=True)
class RestAsked:
    """Another supervisor serves beside this one: let the workers go, and stay."""


@dataclass(frozen=True, slots=True)
class HeirServes:
    """The new supervisor that was started beside this one has a worker that is ready."""


@dataclass(frozen=True, slots=True)
class HeirGone:
    """...or is no more."""

    reason: str


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


@dataclass(frozen=True, slots=True)
class WorkerTired:
    """It wants to be replaced."""

    age: int
    reason: str
    urgent: bool = False  # it takes no more work already


@dataclass(frozen=True, slots=True)
class WorkerLeaving:
    """By itself, with exit code 0, when its atexit functions are done."""

    age: int


@dataclass(frozen=True, slots=True)
class WorkerHung:
    """It has one request for longer than it may, or has not turned its loop, and does not say anything itself."""

    age: int
    what: str


@dataclass(frozen=True, slots=True)
class Weight:
    age: int
    octets: int
    idle: bool


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the workers take of the machine's memory, and what supervisor and zygotes do."""

    workers: tuple[Weight, ...]
    others: (
        int | None
    )  # None: the sum cannot be known, for the kernel shows no PSS, only what counts shared pages often


Asked = StopAsked | ScaleAsked | ReloadAsked | Released | ReopenAsked | UpgradeAsked | RestAsked
Failed = WorkerBootFailed | WorkerExited | ForkFailed
Heard = Failed | WorkerForked | WorkerReady | WorkerTired | WorkerLeaving | WorkerHung  # of one process
Fact = Tick | Asked | Heard | Weighed | Sized | HeirServes | HeirGone
