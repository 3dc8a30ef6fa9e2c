"""Any facts in any order: hypothesis plays the world against the policy."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.supervisor.world import World
from tonnage.supervisor.facts import (
    Fact,
    ForkFailed,
    ReloadAsked,
    ReopenAsked,
    ScaleAsked,
    StopAsked,
    WorkerBootFailed,
    WorkerExited,
    WorkerReady,
)
from tonnage.supervisor.leaving import UP
from tonnage.supervisor.orders import Drain, Finish, Kill, Order, Quit, Spawn
from tonnage.supervisor.policy import wake_at
from tonnage.supervisor.state import NEVER, Mode, Phase, Rules

AGES = st.integers(1, 40)
CODES = st.sampled_from([0, 1, 3, 4, 255, -2, -9, -11, -15])


class Supervised(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(want=3, rules=Rules(slots=7, boot_timeout_s=60, boot_at_once=2))
        self.finished = 0
        self.killed: set[int] = set()
        self.check(self.world.start(), was_ready=0)

    @property
    def ready(self) -> int:
        return sum(worker.phase is Phase.READY for worker in self.world.state.workers.values())

    def tell(self, fact: Fact, *, lost: int = 0) -> None:
        before = self.ready - lost
        self.check(self.world.tell(fact), before)

    def check(self, orders: list[Order], was_ready: int) -> None:
        state = self.world.state
        if state.mode in UP:
            assert self.ready >= min(state.want, was_ready), "a ready worker was let go below what is wanted"
        else:
            assert not any(isinstance(order, Spawn) for order in orders), "started after a stop"
        for order in orders:
            if isinstance(order, Drain | Quit | Kill):
                assert order.age in state.workers, "an order about a worker that is gone"
        self.killed |= {order.age for order in orders if isinstance(order, Kill)}
        self.finished += sum(isinstance(order, Finish) for order in orders)

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.5, 2.0, 11.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.check(self.world.wait(seconds), self.ready)

    @rule(age=AGES)
    def ready_message(self, age: int) -> None:
        self.tell(WorkerReady(age))

    @rule(age=AGES, code=st.sampled_from([3, 4]))
    def cannot_boot(self, age: int, code: int) -> None:
        self.tell(WorkerBootFailed(age, code, "why", "how"))

    @rule(age=AGES, code=CODES)
    def exits(self, age: int, code: int) -> None:
        self.lose(age, WorkerExited(age, code))

    @rule(age=AGES)
    @precondition(lambda self: not self.world.state.workers)
    def no_fork(self, age: int) -> None:
        self.lose(age, ForkFailed(age, "EAGAIN"))

    def lose(self, age: int, fact: Fact) -> None:
        worker = self.world.state.workers.get(age)
        self.tell(fact, lost=int(worker is not None and worker.phase is Phase.READY))

    @rule(by=st.sampled_from([-1, +1]))
    def scale(self, by: int) -> None:
        self.tell(ScaleAsked(by))

    @rule()
    def reload(self) -> None:
        self.tell(ReloadAsked())

    @rule()
    def reopen(self) -> None:
        self.tell(ReopenAsked())

    @rule(quick=st.booleans(), sure=st.integers(0, 9))
    def stop(self, *, quick: bool, sure: int) -> None:
        if sure == 0:  # or else most runs would be over before they begin
            self.tell(StopAsked(quick))

    @invariant()
    def no_slot_is_taken_twice(self) -> None:
        slots = [worker.slot for worker in self.world.state.workers.values()]
        assert len(slots) == len(set(slots))
        assert all(slot < self.world.rules.slots for slot in slots)

    @invariant()
    def not_more_than_wanted_and_one(self) -> None:
        state = self.world.state
        if state.mode in UP:
            booting = sum(worker.phase is Phase.BOOTING for worker in state.live)
            assert booting <= self.world.rules.boot_at_once
            assert len(state.live) <= max(state.want, self.ready) + state.rules.surge

    @invariant()
    def what_is_missing_will_come(self) -> None:
        state = self.world.state
        if state.mode in UP and not state.workers:
            assert wake_at(state, self.world.now) < NEVER, "nobody is there, and nothing would bring anybody"

    @invariant()
    def an_end_is_an_end(self) -> None:
        assert self.finished == (self.world.state.mode is Mode.FINISHED)

    def teardown(self) -> None:
        """From wherever we are, a stop ends."""
        self.tell(StopAsked())
        for _ in range(100):
            if self.world.state.mode is Mode.FINISHED:
                break
            for age in self.killed & self.world.state.workers.keys():
                self.tell(WorkerExited(age, -9))
            if self.world.state.workers:
                self.check(self.world.wait_until_due(), 0)
        assert self.finished == 1
        assert self.world.state.workers == {}
        assert self.world.state.exit_code in (0, 3, 4)


TestSupervised = Supervised.TestCase
TestSupervised.settings = settings(max_examples=60, stateful_step_count=40)
