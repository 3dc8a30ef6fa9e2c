"""One generation takes over from another."""

from tests.unit.supervisor.world import World, only
from tonnage.supervisor.facts import ReloadAsked, ScaleAsked, StopAsked, WorkerExited, WorkerReady
from tonnage.supervisor.orders import CloseListeners, Crashed, Drain, Quit, ReloadAbandoned, Spawn, TookOver


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
