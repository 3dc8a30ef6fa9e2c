"""Any facts in any order: hypothesis plays the world against the policy."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.supervisor.world import World
from tonnage.supervisor.facts import (
    Fact,
    ForkFailed,
    HeirGone,
    HeirServes,
    Released,
    ReloadAsked,
    ReopenAsked,
    RestAsked,
    ScaleAsked,
    StopAsked,
    UpgradeAsked,
    Weighed,
    Weight,
    WorkerBootFailed,
    WorkerExited,
    WorkerHung,
    WorkerLeaving,
    WorkerReady,
    WorkerTired,
)
from tonnage.supervisor.leaving import UP
from tonnage.supervisor.orders import Abort, Drain, Finish, Hatch, Kill, Order, Quit, ReloadAbandoned, Spawn
from tonnage.supervisor.policy import wake_at
from tonnage.supervisor.state import NEVER, Mode, Phase, Record, Rules

AGES = st.integers(1, 60)
WHICH = st.integers(0, 9)
UP_PHASES = (Phase.BOOTING, Phase.READY)
CODES = st.sampled_from([0, 1, 3, 4, 255, -2, -9, -11, -15])
RULES = st.builds(
    Rules,
    slots=st.just(9),
    boot_timeout_s=st.just(60.0),
    boot_at_once=st.just(2),
    surge=st.integers(1, 2),
    bake_s=st.sampled_from([0.0, 30.0]),
    drain_delay_s=st.sampled_from([0.0, 5.0]),
    lifetime_s=st.sampled_from([NEVER, 100.0]),
    worker_memory=st.just(1000),
    total_memory=st.just(2000),
    preload=st.booleans(),
)


class Supervised(RuleBasedStateMachine):
    @initialize(rules=RULES, want=st.integers(1, 3))
    def start(self, rules: Rules, want: int) -> None:
        self.world = World(want=want, rules=rules)
        self.finished = 0
        self.killed: set[int] = set()
        self.given_up: set[int] = set()
        self.check(self.world.start(), was_ready=0)

    @property
    def processes(self) -> list[Record]:
        return [*self.world.state.workers.values(), *self.world.state.zygotes.values()]

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
            assert not any(isinstance(order, Spawn | Hatch) for order in orders), "started after a stop"
        for order in orders:
            if isinstance(order, Drain | Quit | Kill | Abort):
                assert order.age in state.workers or order.age in state.zygotes, "about a process that is gone"
            elif isinstance(order, ReloadAbandoned):
                self.given_up.add(order.generation)
                assert order.back_to not in self.given_up
            elif isinstance(order, Spawn | Hatch):
                assert order.generation not in self.given_up, "started from what is known to be bad"
        self.killed |= {order.age for order in orders if isinstance(order, Kill)}
        self.finished += sum(isinstance(order, Finish) for order in orders)

    def pick(self, which: int) -> Record | None:
        """Somebody who is there: an age at random would mostly be nobody's."""
        processes = self.processes
        return processes[which % len(processes)] if processes else None

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.5, 2.0, 11.0, 31.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.check(self.world.wait(seconds), self.ready)

    @rule(age=AGES)
    def news_of_anybody(self, age: int) -> None:
        self.lose(age, WorkerReady(age), by_itself=False)

    @rule(which=WHICH)
    def gets_ready(self, which: int) -> None:
        if process := self.pick(which):
            self.tell(WorkerReady(process.age))

    @rule()
    def all_get_ready(self) -> None:
        while booting := [process.age for process in self.processes if process.phase is Phase.BOOTING]:
            self.tell(WorkerReady(booting[0]))

    @rule(which=WHICH, code=st.sampled_from([3, 4]), sure=st.integers(0, 2))
    def cannot_boot(self, which: int, code: int, sure: int) -> None:
        if (process := self.pick(which)) and (sure == 0 or self.world.state.mode is not Mode.STARTING):
            self.tell(WorkerBootFailed(process.age, code, "why", "how"))

    @rule(which=WHICH, code=CODES)
    def exits(self, which: int, code: int) -> None:
        if (process := self.pick(which)) and (process.phase is not Phase.BOOTING or self.world.state.mode in UP[1:]):
            self.lose(process.age, WorkerExited(process.age, code))

    @rule(which=WHICH)
    def is_not_forked(self, which: int) -> None:
        if (process := self.pick(which)) and process.phase is not Phase.READY:
            self.tell(ForkFailed(process.age, "EAGAIN"))

    @rule(which=WHICH, urgent=st.booleans())
    def is_tired(self, which: int, *, urgent: bool) -> None:
        if process := self.pick(which):
            self.lose(process.age, WorkerTired(process.age, "of it", urgent), by_itself=urgent)

    @rule(which=WHICH)
    def leaves(self, which: int) -> None:
        if process := self.pick(which):
            self.lose(process.age, WorkerLeaving(process.age))

    @rule(which=WHICH)
    def hangs(self, which: int) -> None:
        if process := self.pick(which):
            self.lose(process.age, WorkerHung(process.age, "why"))

    @rule(octets=st.sampled_from([100, 900, 1100]), idle=st.booleans())
    def is_weighed(self, octets: int, *, idle: bool) -> None:
        ages = self.world.state.workers
        self.tell(Weighed(tuple(Weight(age, octets + age, idle) for age in ages), 50))

    def lose(self, age: int, fact: Fact, *, by_itself: bool = True) -> None:
        worker = self.world.state.workers.get(age)
        self.tell(fact, lost=int(by_itself and worker is not None and worker.phase is Phase.READY))

    @rule(by=st.sampled_from([-1, +1]))
    def scale(self, by: int) -> None:
        self.tell(ScaleAsked(by))

    @rule(rules=RULES, want=st.integers(1, 4), moves=st.booleans())
    def reload(self, rules: Rules, want: int, *, moves: bool) -> None:
        self.world.release = Released(rules, want, moves)
        self.tell(ReloadAsked())

    @rule()
    def reopen(self) -> None:
        self.tell(ReopenAsked())

    @rule()
    def upgrade(self) -> None:
        self.tell(UpgradeAsked())

    @rule(serves=st.booleans())
    def heir_serves_or_ends(self, *, serves: bool) -> None:
        self.tell(HeirServes() if serves else HeirGone("why"))

    @rule()
    def rest(self) -> None:
        self.tell(RestAsked())

    @rule(quick=st.booleans(), sure=st.integers(0, 9))
    def stop(self, *, quick: bool, sure: int) -> None:
        if sure == 0:  # or else most runs would be over before they begin
            self.tell(StopAsked(quick))

    @invariant()
    def no_slot_is_taken_twice(self) -> None:
        slots = [worker.slot for worker in self.world.state.workers.values()]
        assert len(slots) == len(set(slots))
        assert all(0 <= slot < self.world.rules.slots for slot in slots)

    @invariant()
    def not_more_than_wanted_and_the_surge(self) -> None:
        state = self.world.state
        if state.mode in UP:
            booting = sum(worker.phase is Phase.BOOTING for worker in state.live)
            assert booting <= state.rules.boot_at_once
            assert len(state.live) <= max(state.want, self.ready) + 2  # the surge of this generation, or of the last

    @invariant()
    def one_zygote_for_a_generation(self) -> None:
        live = [zygote.generation for zygote in self.world.state.zygotes.values() if zygote.phase in UP_PHASES]
        assert len(live) == len(set(live))

    @invariant()
    def what_is_missing_will_come(self) -> None:
        state = self.world.state
        if state.mode in UP and not self.processes and state.want:
            assert wake_at(state, self.world.now) < NEVER, "nobody is there, and nothing would bring anybody"

    @invariant()
    def nobody_rests_when_no_other_supervisor_serves(self) -> None:
        state = self.world.state
        if state.mode in UP and not state.has_heir:
            assert all(generation.want for generation in state.generations.values())

    @invariant()
    def no_generation_is_kept_for_nothing(self) -> None:
        state = self.world.state
        used = {process.generation for process in self.processes}
        if state.mode in UP:
            assert state.generations.keys() <= used | {state.generation, state.previous, state.good}
        assert used <= state.generations.keys()

    @invariant()
    def an_end_is_an_end(self) -> None:
        assert self.finished == (self.world.state.mode is Mode.FINISHED)

    def teardown(self) -> None:
        """From wherever we are, a stop ends."""
        if not hasattr(self, "world"):
            return
        self.tell(StopAsked())
        for _ in range(100):
            if self.world.state.mode is Mode.FINISHED:
                break
            for age in {process.age for process in self.processes} & self.killed:
                self.tell(WorkerExited(age, -9))
            if self.processes:
                self.check(self.world.wait_until_due(), 0)
        assert self.finished == 1
        assert self.processes == []
        assert self.world.state.exit_code in (0, 3, 4)


TestSupervised = Supervised.TestCase
TestSupervised.settings = settings(max_examples=100, stateful_step_count=40)
