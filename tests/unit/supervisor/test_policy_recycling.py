"""Who is replaced, when, and by whom: one at a time, and the replacement first."""

import pytest

from tests.unit.supervisor.world import World, only
from tonnage.supervisor.facts import (
    ReloadAsked,
    StopAsked,
    Weighed,
    Weight,
    WorkerBootFailed,
    WorkerExited,
    WorkerHung,
    WorkerLeaving,
    WorkerReady,
    WorkerTired,
)
from tonnage.supervisor.orders import Abort, CloseListeners, Drain, Kill, Left, Order, Overdue, Recycled, Spawn
from tonnage.supervisor.state import Rules


def rules(**changed: float) -> Rules:
    return Rules(slots=16, boot_at_once=4, **changed)  # type: ignore[arg-type]  # some are whole numbers


def test_the_replacement_is_ready_before_the_tired_one_drains() -> None:
    world = World(want=2).serving()
    assert world.tell(WorkerTired(1, "20 requests")) == [Recycled(1, "20 requests"), Spawn(3, 2, 1)]
    assert world.tell(WorkerReady(3)) == [Drain(1, 30.0)]
    assert world.tell(WorkerExited(1, 0)) == [Left(1, 0, asked=True)]


def test_one_at_a_time_over_the_whole_server() -> None:
    world = World(want=2).serving()
    world.tell(WorkerTired(1, "a"))
    assert world.tell(WorkerTired(2, "b")) == []
    assert world.tell(WorkerReady(3)) == [Drain(1, 30.0)]
    assert world.tell(WorkerExited(1, 0)) == [Left(1, 0, asked=True), Recycled(2, "b"), Spawn(4, 0, 1)]


@pytest.mark.parametrize("code", [0, 1])
def test_a_tired_worker_that_does_not_wait_is_replaced_without_alarm(code: int) -> None:
    world = World(want=2).serving()
    world.tell(WorkerTired(1, "a"), WorkerTired(2, "b"))
    assert world.tell(WorkerExited(2, code))[0] == Left(2, code, asked=True)
    assert len(world.state.live) == 3


def test_one_that_takes_no_more_work_is_let_go_at_once() -> None:
    world = World(want=1).serving()
    assert world.tell(WorkerTired(1, "stuck", urgent=True)) == [Recycled(1, "stuck"), Drain(1, 30.0), Spawn(2, 1, 1)]


def test_a_replacement_that_cannot_boot_leaves_the_tired_one_at_work() -> None:
    world = World(want=1).serving()
    world.tell(WorkerTired(1, "a"))
    assert only(world.fail_boot(2), Drain) == []
    assert world.wait_until_due() == [Spawn(3, 1, 1)]
    assert only(world.tell(WorkerReady(3)), Drain) == [Drain(1, 30.0)]


def test_a_reload_replaces_the_tired_first() -> None:
    world = World(want=2).serving()
    world.tell(ReloadAsked(), WorkerTired(2, "a"))
    assert only(world.tell(WorkerReady(3)), Drain) == [Drain(2, 30.0)]


def test_a_life_has_an_end() -> None:
    world = World(want=1, rules=rules(lifetime_s=5000.0)).serving()
    assert world.wait_until_due() == [
        Recycled(1, "it has served for 5000 s, longer than 5000 (--max-worker-lifetime)"),
        Spawn(2, 1, 1),
    ]


def weigh(world: World, others: int = 0, **idle: int) -> list[Order]:
    """`b1=300`: worker 1 is busy, and takes 300 MiB."""
    weights = [Weight(int(name[1:]), mib << 20, name[0] == "i") for name, mib in idle.items()]
    return world.tell(Weighed(tuple(weights), others << 20))


def test_a_worker_that_has_grown_is_replaced() -> None:
    world = World(want=2, rules=rules(worker_memory=100 << 20)).serving()
    assert weigh(world, i1=100, i2=100) == []
    assert weigh(world, i1=99, i2=101)[0] == Recycled(2, "it takes 101.0 MiB, more than 100 (--max-worker-memory)")


def test_a_worker_that_is_born_too_big_is_given_some_time() -> None:
    world = World(want=1, rules=rules(worker_memory=100 << 20)).serving()
    weigh(world, i1=200)
    world.tell(WorkerReady(2), WorkerExited(1, 0))
    assert weigh(world, i2=200) == []
    world.wait(10)
    assert isinstance(weigh(world, i2=200)[0], Recycled)


def test_the_biggest_idle_worker_makes_room_for_all() -> None:
    world = World(want=3, rules=rules(total_memory=400 << 20)).serving()
    assert weigh(world, 100, i1=90, i2=100, b3=110) == []
    (recycled, *_) = weigh(world, 150, i1=90, i2=100, b3=110)
    assert recycled == Recycled(
        2,
        "the server takes 450.0 MiB, more than 400.0 (--max-total-memory), and it is its biggest idle worker with "
        "100.0 MiB",
    )
    world.tell(WorkerReady(4), WorkerExited(2, 0))
    world.wait(15)
    assert weigh(world, 150, i1=90, b3=110, i4=100) == [], "what it has brought must be seen first"
    world.wait(15)
    assert isinstance(weigh(world, 150, i1=90, b3=110, i4=100)[0], Recycled)


def test_a_hung_worker_writes_its_stacks_and_is_killed_and_replaced() -> None:
    world = World(want=1).serving()
    assert world.tell(WorkerHung(1, "it hangs")) == [Abort(1, Overdue.REQUEST, 0.0, "it hangs"), Spawn(2, 1, 1)]
    assert world.wait(1.0) == [Kill(1, Overdue.STACKS, 1.0)]
    assert world.tell(WorkerExited(1, -9)) == [Left(1, -9, asked=True)]


def test_who_is_to_be_replaced_and_leaves_young_is_no_crash() -> None:
    """A very small --max-requests."""
    world = World(want=1).serving()
    for age in (1, 2, 3):
        world.tell(WorkerTired(age, "of it"), WorkerLeaving(age))
        assert world.tell(WorkerExited(age, 0), WorkerReady(age + 1)) == [Left(age, 0, asked=True)]


def test_a_worker_that_leaves_by_itself_is_replaced_before_it_is_gone() -> None:
    world = World(want=1).serving()
    assert world.tell(WorkerLeaving(1)) == [Spawn(2, 1, 1)]
    world.now += 30
    assert Abort(1, Overdue.GRACE, 30.0) in world.wait(0), "it hangs in an atexit function"


def test_a_stop_forgets_who_is_tired() -> None:
    world = World(want=1).serving()
    world.tell(WorkerTired(1, "a"), WorkerBootFailed(2, 3, "", ""))
    assert world.tell(StopAsked()) == [CloseListeners(), Drain(1, 30.0, serve_queue=True)]
