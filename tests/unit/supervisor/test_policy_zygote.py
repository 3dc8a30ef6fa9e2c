"""The zygote comes first, is replaced when it is lost, and sleeps while it may be needed again."""

from tests.unit.supervisor.world import World, only
from tonnage.supervisor.facts import ReloadAsked, StopAsked, WorkerBootFailed, WorkerExited, WorkerReady
from tonnage.supervisor.orders import (
    BootFailure,
    CloseListeners,
    Finish,
    Hatch,
    Proven,
    Quit,
    ReloadAbandoned,
    Spawn,
    TookOver,
    ZygoteLost,
)
from tonnage.supervisor.state import Mode, Rules

RULES = Rules(slots=16, boot_at_once=4, bake_s=30.0, preload=True)


def serving() -> World:
    """Zygote 1, worker 2."""
    world = World(want=1, rules=RULES)
    assert world.start() == [Hatch(1, 1)]
    assert world.tell(WorkerReady(1)) == [Spawn(2, 0, 1)]
    assert world.state.mode is Mode.STARTING
    world.tell(WorkerReady(2))
    world.wait(3600)
    return world


def reloaded() -> World:
    """Zygote 3 and worker 4 have taken over, zygote 1 sleeps."""
    world = serving()
    assert world.tell(ReloadAsked()) == [Hatch(3, 2)]
    assert world.tell(WorkerReady(3)) == [Spawn(4, 1, 2)]
    assert world.tell(WorkerReady(4))[-1] == TookOver(2, 30.0)
    world.tell(WorkerExited(2, 0))
    return world


def test_an_application_that_cannot_be_loaded_ends_the_start() -> None:
    world = World(want=1, rules=RULES)
    world.start()
    assert world.tell(WorkerBootFailed(1, 4, "why", "")) == [BootFailure(1, 4, "why", ""), CloseListeners()]
    assert world.tell(WorkerExited(1, 4))[-1] == Finish(4)


def test_a_zygote_that_is_killed_is_replaced_and_no_worker_minds() -> None:
    world = serving()
    assert world.tell(WorkerExited(1, -9)) == [ZygoteLost(1, 1, -9), Hatch(3, 1)]


def test_workers_wait_for_their_zygote() -> None:
    world = serving()
    world.tell(WorkerExited(1, -9))
    assert only(world.tell(WorkerExited(2, -9)), Spawn) == []
    assert world.tell(WorkerReady(3)) == [Spawn(4, 0, 1)]


def test_a_new_zygote_that_cannot_load_is_given_up() -> None:
    world = serving()
    world.tell(ReloadAsked())
    orders = world.tell(WorkerBootFailed(3, 3, "why", ""))
    assert ReloadAbandoned(2, 1) in orders
    assert only(orders, Hatch, Spawn) == []


def test_the_old_zygote_sleeps_until_the_new_generation_has_proved_itself() -> None:
    world = reloaded()
    assert world.wait(29) == []
    assert world.wait(1) == [Proven(2, 30.0), Quit(1)]


def test_a_crash_loop_before_that_goes_back_to_the_sleeping_zygote() -> None:
    world = reloaded()
    world.tell(WorkerExited(4, -11))
    assert world.wait_until_due() == [Spawn(5, 0, 2)]
    orders = world.tell(WorkerExited(5, -11))
    assert ReloadAbandoned(2, 1, was_serving=True) in orders
    assert only(orders, Spawn, Quit) == [Spawn(6, 0, 1), Quit(3)]


def test_one_crash_is_bad_luck() -> None:
    world = reloaded()
    assert only(world.tell(WorkerExited(4, -11)), ReloadAbandoned) == []
    world.wait_until_due()
    world.tell(WorkerReady(5))
    assert world.wait(30)[0] == Proven(2, 30.0)


def test_a_generation_that_was_replaced_in_its_bake_is_gone_back_to_while_it_serves() -> None:
    world = reloaded()
    world.tell(ReloadAsked())
    orders = world.tell(WorkerBootFailed(5, 3, "why", ""))
    assert ReloadAbandoned(3, 2) in orders
    assert only(orders, Hatch, Spawn) == []
    assert world.state.good == 1, "and it has still to prove itself"


def test_a_stop_ends_all_zygotes() -> None:
    world = reloaded()
    assert only(world.tell(StopAsked()), Quit) == [Quit(1), Quit(3)]
