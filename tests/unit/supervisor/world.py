"""A world for the policy to act in: forks succeed at once, the clock moves when it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field

from tonnage.supervisor.facts import Fact, Released, Tick, WorkerBootFailed, WorkerExited, WorkerForked, WorkerReady
from tonnage.supervisor.orders import Adopt, Forget, LeaveListeners, Order, ReadRelease, Spawn
from tonnage.supervisor.policy import step, wake_at
from tonnage.supervisor.state import NEVER, Rules, first


@dataclass
class World:
    want: int = 2
    rules: Rules = field(default_factory=lambda: Rules(slots=16, graceful_timeout_s=30.0, boot_at_once=4))
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.state = first(self.rules, self.want)
        self.release = Released(self.rules, self.want)  # what the settings say when they are read again

    def tell(self, *facts: Fact) -> list[Order]:
        """Everything ordered because of these facts, but for what every reload begins and ends with."""
        done: list[Order] = []
        queue = list(facts)
        while queue:
            orders = step(self.state, queue.pop(0), self.now)
            done += [order for order in orders if not isinstance(order, ReadRelease | Adopt | Forget | LeaveListeners)]
            queue[:0] = [self.release for order in orders if isinstance(order, ReadRelease)]
            queue += [WorkerForked(order.age) for order in orders if isinstance(order, Spawn)]
            assert wake_at(self.state, self.now) > self.now, "the loop would spin"
        return done

    def start(self) -> list[Order]:
        return self.tell(Tick())

    def wait(self, seconds: float) -> list[Order]:
        self.now += seconds
        return self.tell(Tick())

    def wait_until_due(self) -> list[Order]:
        due = wake_at(self.state, self.now)
        assert due != NEVER, "nothing is due"
        return self.wait(due - self.now)

    def serving(self) -> World:
        """Started, and every worker ready and steady."""
        self.start()
        while waiting := [age for age, worker in self.state.workers.items() if worker.ready_at == NEVER]:
            self.tell(WorkerReady(waiting[0]))
        self.wait(3600)
        return self

    def fail_boot(self, age: int, code: int = 3) -> list[Order]:
        return self.tell(WorkerBootFailed(age, code, "ImportError: x", "Traceback")) + self.tell(
            WorkerExited(age, code)
        )


def only(orders: list[Order], *kinds: type[Order]) -> list[Order]:
    return [order for order in orders if isinstance(order, kinds)]
