"""All that the policy remembers. Changed by `policy.step` and nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from tonnage.supervisor.pacing import Pace

NEVER = float("inf")


class Phase(Enum):
    """of a worker."""

    BOOTING = auto()
    READY = auto()
    DRAINING = auto()  # finishes what is in flight
    QUITTING = auto()  # exits at once: it was told to, or it cannot boot


class Mode(Enum):
    """of the server."""

    STARTING = auto()  # nobody has ever been ready: a worker that cannot boot ends it
    SERVING = auto()
    DRAINING = auto()  # TERM
    QUITTING = auto()  # INT, QUIT, or a start that failed
    FINISHED = auto()


@dataclass(frozen=True, slots=True)
class Rules:
    slots: int  # of the scoreboard
    graceful_timeout_s: float = 30.0
    boot_timeout_s: float = NEVER
    boot_at_once: int = 1
    surge: int = 1  # how many more than wanted may live while one generation takes over from another


@dataclass(slots=True)
class Record:
    """One worker, from the order to start it until it is reaped."""

    age: int
    slot: int
    generation: int
    born_at: float
    deadline: float
    phase: Phase = Phase.BOOTING
    ready_at: float = NEVER


@dataclass(slots=True)
class State:
    rules: Rules
    want: int
    mode: Mode = Mode.STARTING
    generation: int = 1  # the one that workers are started from
    good: int = 1  # the last one that has taken over completely
    newest: int = 1  # ever asked for; a number given up is not used again
    oldest_free_age: int = 1
    exit_code: int = 0
    pace: Pace = field(default_factory=Pace)
    workers: dict[int, Record] = field(default_factory=dict)

    @property
    def live(self) -> list[Record]:
        """Those that serve or soon will, oldest first."""
        return [worker for worker in self.workers.values() if worker.phase in (Phase.BOOTING, Phase.READY)]

    @property
    def most(self) -> int:
        """How many workers can be wanted: the scoreboard keeps room for a take-over."""
        return max(1, self.rules.slots - self.rules.surge)
