"""All that the policy remembers. Changed by `policy.step` and nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from tonnage.supervisor.pacing import Pace

NEVER = float("inf")
NO_SLOT = -1


class Phase(Enum):
    """of a worker or a zygote."""

    BOOTING = auto()
    READY = auto()
    DRAINING = auto()  # finishes what is in flight
    QUITTING = auto()  # exits at once: it was told to, or it cannot boot
    ABORTING = auto()  # writes its stacks, and is killed then


class Mode(Enum):
    """of the server."""

    STARTING = auto()  # nobody has ever been ready: a worker that cannot boot ends it
    SERVING = auto()
    DRAINING = auto()  # TERM
    QUITTING = auto()  # INT, QUIT, or a start that failed
    FINISHED = auto()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings of one generation mean here. Seconds, octets; NEVER and 0 switch a limit off."""

    slots: int  # of the scoreboard
    graceful_timeout_s: float = 30.0
    boot_timeout_s: float = NEVER
    boot_at_once: int = 1
    surge: int = 1  # how many more than wanted may live while one generation takes over from another
    bake_s: float = 0.0  # how long a generation must serve before the one before it is forgotten
    drain_delay_s: float = 0.0
    lifetime_s: float = NEVER  # of a worker
    worker_memory: int = 0
    total_memory: int = 0
    preload: bool = False  # workers are forked from a zygote
    min_workers: int = 1
    max_workers: int = 0  # 0: as many as there is room for


@dataclass(slots=True)
class Record:
    """One process, from the order to start it until it is reaped."""

    age: int
    slot: int  # NO_SLOT: it is a zygote
    generation: int
    born_at: float
    deadline: float
    phase: Phase = Phase.BOOTING
    ready_at: float = NEVER
    tired: str = ""  # why it is to be replaced
    stays: bool = False  # drains, but goes on listening until the generation that took over has proved itself

    @property
    def is_staying(self) -> bool:
        return self.stays and self.phase is Phase.DRAINING


@dataclass(slots=True)
class Generation:
    number: int
    rules: Rules
    want: int
    sized: bool = True  # whether `want` is what somebody wants; or else its first worker shows what it should be
    pace: Pace = field(default_factory=Pace)
    took_over_at: float = NEVER  # since when every worker that is wanted is of it
    crashes: int = 0  # of its workers and its zygote, until it is proven
    moves: bool = False  # its addresses are not those of the generation before it
    listens: bool = True  # the supervisor holds its listeners
    rested_from: int = 0  # how many workers were wanted before they were sent away in favour of another supervisor


@dataclass(slots=True)
class State:
    generations: dict[int, Generation]  # those that may be needed, or still have a worker
    mode: Mode = Mode.STARTING
    generation: int = 1  # the one that workers are started from
    previous: int = 1  # the one that serves while this one has not taken over
    good: int = 1  # the last that has proved itself
    newest: int = 1  # ever asked for; a number given up is not used again
    oldest_free_age: int = 1
    exit_code: int = 0
    close_at: float = NEVER  # when a stopping server stops listening
    has_heir: bool = False  # another supervisor serves at the same listeners; only then may nobody be wanted
    recycling: int = 0  # age of the worker that is being replaced, alone of its generation
    relieved_at: float = float("-inf")  # when a worker was last replaced for the memory of all
    workers: dict[int, Record] = field(default_factory=dict)
    zygotes: dict[int, Record] = field(default_factory=dict)

    @property
    def current(self) -> Generation:
        return self.generations[self.generation]

    @property
    def rules(self) -> Rules:
        return self.current.rules

    @property
    def want(self) -> int:
        return self.current.want

    @property
    def pace(self) -> Pace:
        return self.current.pace

    @property
    def live(self) -> list[Record]:
        """Those that serve or soon will, oldest first."""
        return [worker for worker in self.workers.values() if worker.phase in (Phase.BOOTING, Phase.READY)]

    def is_stale(self, worker: Record) -> bool:
        """Somebody else is to take its place."""
        return worker.generation != self.generation or worker.age == self.recycling

    def next_age(self) -> int:
        self.oldest_free_age += 1
        return self.oldest_free_age - 1


def most(rules: Rules) -> int:
    """How many workers can be wanted: the scoreboard keeps room for a take-over."""
    room = max(1, rules.slots - rules.surge)
    return min(room, rules.max_workers or room)


def within(rules: Rules, want: int) -> int:
    return max(min(want, most(rules)), rules.min_workers)


def first(rules: Rules, want: int) -> State:
    """`want` 0: to be found out."""
    return State({1: Generation(1, rules, within(rules, want), sized=want > 0)})
