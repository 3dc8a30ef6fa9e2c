"""One generation takes over from another."""

from dataclasses import replace

from tests.unit.supervisor.world import World, only
from tonnage.supervisor.facts import (
    Released,
    ReloadAsked,
    ScaleAsked,
    StopAsked,
    Tick,
    WorkerExited,
    WorkerLeaving,
    WorkerReady,
)
from tonnage.supervisor.orders import (
    CloseListeners,
    Crashed,
    Drain,
    Forget,
    LeaveListeners,
    Left,
    Proven,
    Quit,
    ReloadAbandoned,
    Spawn,
    TookOver,
)
from tonnage.supervisor.policy import step
from tonnage.supervisor.state import NEVER, Rules


def test_the_new_worker_is_ready_before_the_old_one_drains() -> None:
    world = World(want=2).serving()
    assert world.tell(ReloadAsked()) == [Spawn(3, 2, 2)]
    assert world.tell(WorkerReady(3)) == [Drain(1, 30.0)]
    assert world.tell(WorkerExited(1, 0))[-1] == Spawn(4, 0, 2), "one more than wanted, never two"
    assert world.tell(WorkerReady(4)) == [Drain(2, 30.0), TookOver(2, 0.0)]
    assert world.state.good == 2


def test_a_stop_in_the_middle_of_a_reload_wins_at_once() -> None:
    world = World(want=2).serving()
    world.tell(ReloadAsked())
    assert world.tell(StopAsked()) == [
        CloseListeners(),
        Drain(1, 30.0, serve_queue=True),
        Drain(2, 30.0, serve_queue=True),
        Quit(3, gently=True),
    ]


def test_a_generation_that_cannot_boot_is_given_up_and_the_old_one_serves_on() -> None:
    world = World(want=2).serving()
    world.tell(ReloadAsked())
    orders = world.fail_boot(3)
    assert ReloadAbandoned(2, 1) in orders
    assert only(orders, Drain, Quit, Spawn) == []
    assert world.tell(WorkerExited(1, -9))[-1] == Spawn(4, 0, 1), "respawns come from the good one"


def test_a_generation_that_crashes_half_way_is_rolled_back() -> None:
    world = World(want=2).serving()
    world.tell(ReloadAsked(), WorkerReady(3), WorkerExited(1, 0))
    orders = world.tell(WorkerExited(3, -11))
    assert isinstance(orders[0], Crashed)
    assert ReloadAbandoned(2, 1, from_disk=True) in orders
    assert only(orders, Quit, Spawn) == [Quit(4, gently=True), Spawn(5, 2, 1)], (
        "its sibling goes, the old code comes back"
    )


def test_a_generation_whose_workers_leave_one_after_the_other_is_given_up_like_one_that_crashes() -> None:
    world = World(want=1, rules=Rules(slots=8, bake_s=30.0)).serving()
    world.tell(ReloadAsked(), WorkerReady(2), WorkerExited(1, 0))
    assert world.tell(WorkerLeaving(2)) == [Spawn(3, 0, 2)], "the first is excused"
    assert world.tell(WorkerExited(2, 0), WorkerReady(3), WorkerLeaving(3)) == [
        Left(2, 0, asked=True),
        Crashed(3, 0, 0.0, 0.5, 1),
    ]
    world.wait_until_due()
    orders = world.tell(WorkerReady(4), WorkerExited(4, 0))
    assert orders[-3:] == [
        Crashed(4, 0, 0.0, NEVER, 2),
        ReloadAbandoned(2, 1, was_serving=True, from_disk=True),
        Spawn(5, 1, 1),
    ]


def test_a_generation_given_up_is_never_called_by_its_number_again() -> None:
    world = World(want=1).serving()
    world.tell(ReloadAsked())
    world.fail_boot(2)
    assert world.tell(ReloadAsked()) == [Spawn(3, 1, 3)]


def test_two_reloads_in_a_row_start_only_the_newest() -> None:
    world = World(want=1).serving()
    world.tell(ReloadAsked())
    assert world.tell(ReloadAsked()) == [Quit(2, gently=True)]
    assert world.tell(WorkerExited(2, -2))[-1] == Spawn(3, 1, 3)
    assert world.tell(WorkerReady(3)) == [Drain(1, 30.0), TookOver(3, 0.0)]


def test_one_less_in_the_middle_of_a_reload_takes_an_old_one() -> None:
    world = World(want=3).serving()
    world.tell(ReloadAsked())
    assert only(world.tell(ScaleAsked(-1)), Drain, Quit) == [Drain(1, 30.0)]


def test_old_workers_that_die_in_a_reload_are_replaced_by_new_ones() -> None:
    world = World(want=2).serving()
    world.tell(ReloadAsked())
    assert world.tell(WorkerExited(1, -9))[-1] == Spawn(4, 0, 2)


def moving(world: World, *, bake_s: float = 30.0) -> World:
    """The next reload listens at another address."""
    world.release = Released(replace(world.rules, bake_s=bake_s), world.want, moves=True)
    return world


def test_the_last_worker_at_an_address_that_is_left_serves_there_until_the_new_generation_is_proven() -> None:
    world = moving(World(want=2).serving())
    world.tell(ReloadAsked())
    assert world.tell(WorkerReady(3)) == [Drain(1, 30.0)], "the other one is still there"
    world.tell(WorkerExited(1, 0))
    assert world.tell(WorkerReady(4)) == [Drain(2, 30.0, 34.0, serve_queue=True, stays=True), TookOver(2, 30.0)]
    assert world.wait_until_due() == [Proven(2, 30.0), Drain(2, 30.0, serve_queue=True)]
    assert world.tell(WorkerExited(2, 0))[0] == Left(2, 0, asked=True)


def test_without_a_bake_it_serves_who_waits_and_goes() -> None:
    world = moving(World(want=1).serving(), bake_s=0.0)
    world.tell(ReloadAsked())
    assert only(world.tell(WorkerReady(2)), Drain)[-1] == Drain(1, 30.0, serve_queue=True)


def test_who_stays_leaves_when_the_zygote_is_gone_that_holds_the_same_listeners() -> None:
    world = World(want=1, rules=Rules(slots=16, bake_s=30.0, preload=True))
    world.start()
    world.tell(WorkerReady(1), WorkerReady(2))
    moving(world).tell(ReloadAsked())
    world.tell(WorkerReady(3), WorkerReady(4))
    assert world.wait(30.0) == [Proven(2, 30.0), Quit(1)]
    assert only(world.tell(WorkerExited(1, 0)), Drain) == [Drain(2, 30.0, serve_queue=True)]


def test_listeners_that_nobody_needs_again_are_left_before_the_last_worker_is_gone() -> None:
    world = moving(World(want=1).serving())
    world.tell(ReloadAsked())
    world.tell(WorkerReady(2))
    world.now += 30.0
    orders = step(world.state, Tick(), world.now)
    assert only(orders, LeaveListeners, Forget) == [LeaveListeners(1)]
    assert only(step(world.state, WorkerExited(1, 0), world.now), LeaveListeners, Forget) == [Forget(1)]


def test_a_stop_does_not_wait_for_the_worker_that_stays() -> None:
    world = moving(World(want=1).serving())
    world.tell(ReloadAsked())
    world.tell(WorkerReady(2))
    orders = world.tell(StopAsked())
    assert only(orders, Drain) == [Drain(1, 30.0, serve_queue=True), Drain(2, 30.0, serve_queue=True)]


def test_the_next_reload_does_not_wait_for_the_worker_that_stays() -> None:
    world = moving(World(want=1).serving())
    world.tell(ReloadAsked())
    world.tell(WorkerReady(2))
    assert only(world.tell(ReloadAsked()), Drain) == [Drain(1, 30.0, serve_queue=True)]


def test_an_address_of_a_generation_that_is_given_up_is_left_at_once() -> None:
    world = moving(World(want=2).serving())
    world.tell(ReloadAsked(), WorkerReady(3), WorkerExited(1, 0))
    orders = step(world.state, WorkerExited(3, -11), world.now)
    assert ReloadAbandoned(2, 1, from_disk=True) in orders
    assert only(orders, LeaveListeners) == [LeaveListeners(2)]


def test_the_last_worker_of_a_generation_that_is_given_up_serves_who_waits_where_nobody_else_will() -> None:
    world = moving(World(want=2).serving())
    world.tell(ReloadAsked(), WorkerReady(3), WorkerExited(1, 0))
    orders = world.fail_boot(4)
    assert ReloadAbandoned(2, 1, from_disk=True) in orders
    (spawned,) = only(orders, Spawn)
    assert isinstance(spawned, Spawn)
    assert only(world.tell(WorkerReady(spawned.age)), Drain) == [Drain(3, 30.0, serve_queue=True, stays=True)]
