"""`workers = auto`: the first worker that is ready shows how many are to be wanted."""

from __future__ import annotations

import pytest

from tests.unit.supervisor.world import World, only
from tonnage.supervisor.facts import Released, ReloadAsked, ScaleAsked, Sized, StopAsked, WorkerExited, WorkerReady
from tonnage.supervisor.orders import Announce, Drain, NotScaled, Size, Spawn, WantChanged
from tonnage.supervisor.state import NEVER, Phase, Rules

AUTO = 0


def ready(world: World) -> int:
    return sum(worker.phase is Phase.READY for worker in world.state.workers.values())


def begun(rules: Rules | None = None) -> World:
    world = World(want=AUTO, rules=rules or Rules(slots=16, boot_at_once=4))
    assert world.start() == [Spawn(1, 0, 1)]
    return world


def settled(world: World) -> World:
    while waiting := [age for age, worker in world.state.workers.items() if worker.ready_at == NEVER]:
        world.tell(WorkerReady(waiting[0]))
    return world


def test_one_is_started_and_measured_and_the_others_follow() -> None:
    world = begun()
    assert world.tell(WorkerReady(1)) == [Announce(), Size(1, 1)]
    assert world.tell(Sized(1, 3)) == [WantChanged(3, 1), Spawn(2, 1, 1), Spawn(3, 2, 1)]
    assert only(world.tell(WorkerReady(2), WorkerReady(3)), Size) == []


def test_one_may_be_the_answer() -> None:
    world = begun()
    world.tell(WorkerReady(1))
    assert world.tell(Sized(1, 1)) == []


def test_when_it_dies_before_it_was_measured_the_next_one_is() -> None:
    world = begun()
    world.tell(WorkerReady(1))
    world.tell(WorkerExited(1, -9))
    world.wait_until_due()
    assert Size(2, 1) in world.tell(WorkerReady(2))


def test_who_asks_for_a_number_meanwhile_has_decided() -> None:
    world = begun()
    assert world.tell(ScaleAsked(+1)) == [WantChanged(2, 1), Spawn(2, 1, 1)]
    assert world.tell(WorkerReady(1)) == [Announce()]
    assert world.tell(Sized(1, 5)) == []


def test_a_stop_wins() -> None:
    world = begun()
    world.tell(WorkerReady(1), StopAsked())
    assert world.tell(Sized(1, 5)) == []


def test_a_reload_begins_with_as_many_and_finds_out_again() -> None:
    world = begun()
    world.tell(WorkerReady(1), Sized(1, 3))
    settled(world)
    assert world.tell(ReloadAsked()) == [Spawn(4, 3, 2)]
    assert Size(4, 2) in world.tell(WorkerReady(4))
    assert WantChanged(2, 3) in world.tell(Sized(2, 2))
    assert ready(settled(world)) >= 2
    assert world.state.want == 2


@pytest.mark.parametrize("more", [4, 6])
def test_a_reload_that_finds_room_for_more_never_serves_with_fewer(more: int) -> None:
    world = begun()
    world.tell(WorkerReady(1), Sized(1, 3))
    settled(world)
    world.tell(ReloadAsked(), WorkerReady(4), Sized(2, more))
    while waiting := [age for age, worker in world.state.workers.items() if worker.phase is Phase.BOOTING]:
        world.tell(WorkerReady(waiting[0]))
        draining = [age for age, worker in world.state.workers.items() if worker.phase is Phase.DRAINING]
        world.tell(*(WorkerExited(age, 0) for age in draining))
        assert ready(world) >= 3
    assert (ready(world), world.state.current.number) == (more, 2)


def test_what_an_older_generation_has_shown_is_too_late() -> None:
    world = begun()
    world.tell(WorkerReady(1), ReloadAsked())
    assert world.tell(Sized(1, 7)) == []


def test_a_reload_from_a_number_to_auto_and_back() -> None:
    world = World(want=3).serving()
    world.release = Released(world.rules, AUTO)
    world.tell(ReloadAsked())
    assert world.state.want == 3
    assert Size(4, 2) in world.tell(WorkerReady(4))
    world.release = Released(world.rules, 2)
    assert WantChanged(2, 3) in world.tell(ReloadAsked())
    assert only(world.tell(WorkerReady(5)), Size) == []


def test_the_bounds_hold_for_auto_and_for_who_asks() -> None:
    rules = Rules(slots=64, boot_at_once=9, min_workers=2, max_workers=4)
    world = World(want=AUTO, rules=rules)
    assert world.start() == [Spawn(1, 0, 1), Spawn(2, 1, 1)]
    world.tell(WorkerReady(1))
    assert world.tell(Sized(1, 9)) == [WantChanged(4, 2), Spawn(3, 2, 1), Spawn(4, 3, 1)]
    settled(world)
    assert world.tell(ScaleAsked(+1)) == [NotScaled(5, 4, "--max-workers")]
    assert len(only(world.tell(ScaleAsked(-1), ScaleAsked(-1)), Drain)) == 2
    assert world.tell(ScaleAsked(-1)) == [NotScaled(1, 2, "--min-workers")]
