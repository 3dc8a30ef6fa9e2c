"""Another supervisor beside this one: workers rest in its favour, and are back when it is gone."""

from tests.unit.supervisor.world import World, only
from tonnage.supervisor.facts import HeirGone, HeirServes, Released, ReloadAsked, RestAsked, WorkerExited
from tonnage.supervisor.orders import Drain, ReloadAbandoned, Rests, Spawn, TookOver, WantChanged


def resting() -> World:
    world = World(want=2).serving()
    assert only(world.tell(HeirServes(), RestAsked()), Drain, Rests, WantChanged) == [
        WantChanged(0, 2),
        Rests(),
        Drain(1, 30.0),
        Drain(2, 30.0),
    ]
    world.tell(WorkerExited(1, 0), WorkerExited(2, 0))
    return world


def test_who_rests_is_back_when_the_other_supervisor_is_gone() -> None:
    world = resting()
    assert only(world.tell(HeirGone("why")), Spawn, WantChanged) == [WantChanged(2, 0), Spawn(3, 0, 1), Spawn(4, 1, 1)]


def test_a_reload_brings_them_back_as_many_as_there_were() -> None:
    world = resting()
    world.release = Released(world.rules, 0)
    assert only(world.tell(ReloadAsked()), Spawn, WantChanged) == [WantChanged(2, 0), Spawn(3, 0, 2), Spawn(4, 1, 2)]


def test_who_rests_can_be_gone_back_to_when_the_other_supervisor_has_ended_meanwhile() -> None:
    world = resting()
    world.tell(ReloadAsked(), HeirGone("why"))
    orders = world.fail_boot(3) + world.tell(WorkerExited(4, 3))
    assert ReloadAbandoned(2, 1, from_disk=True) in orders
    assert [order.generation for order in orders if isinstance(order, Spawn)] == [1, 1]


def test_a_reload_that_comes_to_nothing_beside_the_other_supervisor_leaves_the_service_to_it() -> None:
    world = resting()
    world.tell(ReloadAsked())
    orders = world.fail_boot(3) + world.tell(WorkerExited(4, 3))
    assert WantChanged(0, 2) in orders
    assert only(orders, Spawn) == []
    assert only(world.tell(HeirGone("why")), WantChanged) == [WantChanged(2, 0)]


def test_a_generation_that_is_sent_to_rest_before_it_serves_has_not_taken_over() -> None:
    world = World(want=2).serving()
    world.tell(HeirServes(), ReloadAsked())
    assert only(world.tell(RestAsked(), WorkerExited(1, 0), WorkerExited(2, 0), WorkerExited(3, -2)), TookOver) == []
    assert only(world.tell(HeirGone("why")), Spawn) == [Spawn(4, 0, 2), Spawn(5, 1, 2)]
    assert ReloadAbandoned(2, 1, from_disk=True) in world.fail_boot(4)
