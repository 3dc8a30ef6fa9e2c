"""Start, failed start, crash, back-off."""

import pytest

from tests.unit.supervisor.world import World, only
from tonnage.supervisor.facts import ForkFailed, StopAsked, WorkerBootFailed, WorkerExited, WorkerLeaving, WorkerReady
from tonnage.supervisor.orders import (
    Abort,
    Announce,
    BootFailure,
    CloseListeners,
    Crashed,
    CrashLoop,
    Finish,
    Kill,
    Left,
    NotForked,
    Order,
    Overdue,
    Quit,
    Spawn,
)
from tonnage.supervisor.state import NEVER, Mode, Rules


def test_all_workers_are_started_each_in_its_own_slot() -> None:
    assert World(want=3).start() == [Spawn(1, 0, 1), Spawn(2, 1, 1), Spawn(3, 2, 1)]


def test_no_more_boot_at_once_than_allowed() -> None:
    world = World(want=3, rules=Rules(slots=8, boot_at_once=2))
    assert world.start() == [Spawn(1, 0, 1), Spawn(2, 1, 1)]
    assert world.tell(WorkerReady(2)) == [Announce(), Spawn(3, 2, 1)]


def test_readiness_is_announced_once() -> None:
    world = World(want=2)
    world.start()
    assert world.tell(WorkerReady(2)) == [Announce()]
    assert world.tell(WorkerReady(1)) == []


@pytest.mark.parametrize("code", [3, 4])
def test_an_application_that_cannot_load_ends_the_first_start_with_one_report(code: int) -> None:
    world = World(want=3)
    world.start()
    said = BootFailure(1, code, "ImportError: x", "Traceback")
    assert world.tell(WorkerBootFailed(1, code, "ImportError: x", "Traceback")) == [
        said,
        CloseListeners(),
        Quit(2),
        Quit(3),
    ]
    assert world.tell(WorkerBootFailed(2, code, "ImportError: x", "Traceback")) == []
    assert world.tell(WorkerExited(1, code), WorkerExited(2, code)) == [
        Left(1, code, asked=True),
        Left(2, code, asked=True),
    ]
    assert world.tell(WorkerExited(3, -2)) == [Left(3, -2, asked=True), Finish(code)]


@pytest.mark.parametrize(("code", "ends"), [(1, 3), (0, 3), (-11, 3), (255, 3), (3, 3), (4, 4)])
def test_a_worker_that_dies_before_it_is_ready_ends_the_first_start(code: int, ends: int) -> None:
    world = World(want=1)
    world.start()
    assert world.tell(WorkerExited(1, code)) == [BootFailure(1, code, "", ""), CloseListeners(), Finish(ends)]


def test_a_worker_that_has_said_it_cannot_boot_and_does_not_exit_is_killed() -> None:
    world = World(want=1)
    world.start()
    world.tell(WorkerBootFailed(1, 3, "x", ""))
    assert world.wait_until_due() == [Kill(1, Overdue.QUIT, 2.0)]
    assert world.tell(WorkerExited(1, -9)) == [Left(1, -9, asked=True), Finish(3)]


def test_a_first_boot_that_hangs_is_killed_and_ends_the_start() -> None:
    world = World(want=2, rules=Rules(slots=8, boot_timeout_s=60, boot_at_once=2))
    world.start()
    world.now += 60
    orders = world.wait(0)
    assert orders[0] == Abort(1, Overdue.BOOT, 60)
    assert isinstance(orders[1], BootFailure)
    assert "60 s" in orders[1].reason
    assert only(orders, BootFailure) == [orders[1]]
    world.tell(WorkerExited(1, -9))
    assert world.tell(WorkerExited(2, -2))[-1] == Finish(3)


def test_a_late_boot_failure_does_not_stop_the_server() -> None:
    world = World(want=2).serving()
    assert world.tell(WorkerExited(1, -11)) == [Crashed(1, -11, 3600.0, 0.0, 0), Spawn(3, 0, 1)]
    assert world.fail_boot(3) == [
        BootFailure(3, 3, "ImportError: x", "Traceback", retry_s=0.5),
        Left(3, 3, asked=True),
    ]
    assert world.state.mode is Mode.SERVING
    assert world.wait(0.4) == []
    assert world.wait_until_due() == [Spawn(4, 0, 1)]
    assert world.fail_boot(4)[0] == BootFailure(4, 3, "ImportError: x", "Traceback", retry_s=1.0, failures=2)


def test_a_crash_loop_at_boot_is_tried_ever_more_slowly_for_ever() -> None:
    world = World(want=1).serving()
    world.tell(WorkerExited(1, 1))
    began, age = world.now, 2
    waits, loops = list[float](), list[Order]()
    for _ in range(12):
        orders = world.tell(WorkerExited(age, 1))
        assert len(only(orders, BootFailure)) == 1
        loops += only(orders, CrashLoop)
        before = world.now
        assert len(only(world.wait_until_due(), Spawn)) == 1
        waits.append(world.now - before)
        age += 1
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30])
    assert world.now - began < 3600
    assert loops == [CrashLoop(1, 3, 2.0)], "said once"


def test_a_boot_that_fails_after_the_delay_has_passed_is_not_tried_twice_at_once() -> None:
    """Four die of the same cause: one round of back-off, then a single probe, then the rest."""
    world = World(want=4).serving()
    world.tell(*(WorkerExited(age, -11) for age in (1, 2, 3, 4)))
    assert sorted(world.state.workers) == [5, 6, 7, 8]
    for age in (5, 6, 7, 8):
        world.fail_boot(age)
    assert world.state.pace.failures == 1
    assert world.wait_until_due() == [Spawn(9, 0, 1)]
    assert world.tell(WorkerReady(9)) == [Spawn(10, 1, 1)]


def test_a_worker_that_dies_young_is_replaced_with_back_off() -> None:
    world = World(want=1).serving()
    world.tell(WorkerExited(1, -9))
    world.tell(WorkerReady(2))
    world.wait(3)
    assert world.tell(WorkerExited(2, -11)) == [Crashed(2, -11, 3.0, 0.5, 1)]
    assert world.wait(0.5) == [Spawn(3, 0, 1)]


def test_a_worker_that_lasts_forgives_the_failures_before_it() -> None:
    world = World(want=2).serving()
    world.tell(WorkerExited(1, -11))
    world.fail_boot(3)
    world.wait_until_due()
    world.tell(WorkerReady(4))
    assert world.state.pace.failures == 1
    world.wait(10)
    assert world.state.pace.failures == 0


def test_a_worker_from_before_the_failure_proves_nothing() -> None:
    world = World(want=2).serving()
    world.tell(WorkerExited(1, -11))
    world.fail_boot(3)
    world.wait(0.1)
    assert world.state.pace.failures == 1


def test_workers_that_leave_by_themselves_are_replaced_at_once_also_several_young_ones_of_one_age() -> None:
    world = World(want=3).serving()
    assert world.tell(WorkerExited(1, 0)) == [Left(1, 0, asked=False), Spawn(4, 0, 1)]
    assert world.tell(WorkerExited(2, 0)) == [Left(2, 0, asked=False), Spawn(5, 1, 1)]
    world.tell(WorkerReady(4), WorkerReady(5))
    assert world.tell(WorkerExited(4, 0)) == [Left(4, 0, asked=False), Spawn(6, 0, 1)]
    assert world.tell(WorkerExited(5, 0)) == [Left(5, 0, asked=False), Spawn(7, 1, 1)]


def test_who_follows_a_young_one_that_left_and_leaves_as_young_has_crashed_until_one_lasts() -> None:
    world = World(want=2).serving()
    world.tell(WorkerExited(1, 0), WorkerReady(3), WorkerExited(3, 0), WorkerReady(4))
    world.wait(1)
    assert world.tell(WorkerExited(4, 0)) == [Crashed(4, 0, 1.0, 0.5, 1)]
    assert world.wait_until_due() == [Spawn(5, 0, 1)]
    world.tell(WorkerReady(5))
    assert world.tell(WorkerLeaving(5)) == [Crashed(5, 0, 0.0, 1.0, 2)]
    assert world.tell(WorkerExited(5, 0)) == [Left(5, 0, asked=True)]
    assert world.wait_until_due() == [Spawn(6, 0, 1)]
    world.tell(WorkerReady(6))
    assert world.tell(WorkerExited(6, 0)) == [Crashed(6, 0, 0.0, 2.0, 3), CrashLoop(1, 3, 2.0)]
    world.wait_until_due()
    world.tell(WorkerReady(7))
    world.wait(10)
    assert world.tell(WorkerExited(7, 0)) == [Left(7, 0, asked=False), Spawn(8, 0, 1)]


def test_who_was_there_before_and_lasts_excuses_nobody() -> None:
    world = World(want=2).serving()
    world.tell(WorkerExited(1, 0), WorkerReady(3), WorkerExited(3, 0))
    world.wait(1)
    world.tell(WorkerReady(4))
    assert world.tell(WorkerExited(4, 0))[0] == Crashed(4, 0, 0.0, 0.5, 1)


def test_a_fork_that_fails_is_tried_again_later() -> None:
    world = World(want=1)
    world.start()
    assert world.tell(ForkFailed(1, "Resource temporarily unavailable")) == [
        NotForked(1, "Resource temporarily unavailable", 0.5, 1)
    ]
    assert world.wait_until_due() == [Spawn(2, 0, 1)]
    assert world.state.mode is Mode.STARTING


def test_a_late_boot_that_hangs_is_killed_and_tried_again() -> None:
    world = World(want=1, rules=Rules(slots=4, boot_timeout_s=60)).serving()
    world.tell(WorkerExited(1, -9))
    orders = world.wait_until_due()
    assert orders[0] == Abort(2, Overdue.BOOT, 60)
    assert isinstance(orders[1], BootFailure)
    assert orders[1].retry_s == 0.5
    assert world.tell(WorkerExited(2, -9)) == [Left(2, -9, asked=True)]
    assert world.wait_until_due() == [Spawn(3, 0, 1)]


def test_a_slot_is_used_again_when_its_worker_is_gone() -> None:
    world = World(want=3).serving()
    assert world.tell(WorkerExited(2, -9))[-1] == Spawn(4, 1, 1)


def test_news_of_a_worker_that_is_gone_changes_nothing() -> None:
    world = World(want=1).serving()
    world.tell(WorkerExited(1, -9))
    assert world.tell(WorkerReady(1), WorkerExited(1, 0), WorkerBootFailed(1, 3, "", ""), ForkFailed(1, "")) == []


def test_nothing_is_due_in_a_quiet_server() -> None:
    from tonnage.supervisor.policy import wake_at

    world = World().serving()
    assert wake_at(world.state, world.now) == NEVER


def test_a_server_that_has_finished_stays_so() -> None:
    world = World(want=1)
    world.start()
    world.tell(StopAsked(quick=True))
    assert world.tell(WorkerExited(1, -2))[-1] == Finish(0)
    assert world.wait(100) == []
    assert world.tell(StopAsked(), StopAsked(quick=True)) == []
