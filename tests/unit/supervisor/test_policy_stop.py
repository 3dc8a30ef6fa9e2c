"""TERM, INT, TTIN, TTOU, USR1, and what they meet on the way."""

from tests.unit.supervisor.world import World, only
from tonnage.supervisor.facts import ReopenAsked, ScaleAsked, StopAsked, WorkerBootFailed, WorkerExited, WorkerReady
from tonnage.supervisor.orders import (
    Abort,
    CloseListeners,
    Drain,
    Finish,
    Kill,
    Left,
    NotScaled,
    Overdue,
    Quit,
    ReopenLogs,
    Spawn,
    WantChanged,
)
from tonnage.supervisor.state import Rules

TERM, INT = StopAsked(), StopAsked(quick=True)


def test_a_stop_drains_every_worker_and_ends_when_the_last_is_gone() -> None:
    world = World(want=2).serving()
    assert world.tell(TERM) == [CloseListeners(), Drain(1, 30.0, serve_queue=True), Drain(2, 30.0, serve_queue=True)]
    assert world.tell(WorkerExited(2, 0)) == [Left(2, 0, asked=True)]
    assert world.tell(WorkerExited(1, 0)) == [Left(1, 0, asked=True), Finish(0)]


def test_workers_that_do_not_finish_in_time_are_killed() -> None:
    world = World(want=2).serving()
    world.tell(TERM)
    assert world.wait(29.9) == []
    assert world.wait_until_due() == [Abort(1, Overdue.GRACE, 30.0), Abort(2, Overdue.GRACE, 30.0)]
    assert world.wait_until_due() == [Kill(1, Overdue.STACKS, 1.0), Kill(2, Overdue.STACKS, 1.0)]
    assert world.tell(WorkerExited(1, -9), WorkerExited(2, -9))[-1] == Finish(0)


def test_a_stop_in_the_middle_of_the_boot_waits_for_nothing() -> None:
    world = World(want=2)
    world.start()
    world.tell(WorkerReady(1))
    assert world.tell(TERM) == [CloseListeners(), Drain(1, 30.0, serve_queue=True), Quit(2, gently=True)]
    assert world.wait_until_due() == [Kill(2, Overdue.QUIT, 2.0)]
    assert world.tell(WorkerReady(2)) == []


def test_a_stop_before_anybody_is_ready_is_no_failed_start() -> None:
    world = World(want=2)
    world.start()
    world.tell(TERM)
    assert world.tell(WorkerBootFailed(1, 3, "ImportError", "")) == []
    assert world.tell(WorkerExited(1, 3), WorkerExited(2, -2))[-1] == Finish(0)


def test_a_stop_in_the_back_off_ends_at_once() -> None:
    world = World(want=1).serving()
    world.tell(WorkerExited(1, -11))
    world.fail_boot(2)
    assert world.tell(TERM) == [CloseListeners(), Finish(0)]


def test_a_worker_that_crashes_while_it_drains_is_not_replaced() -> None:
    world = World(want=2).serving()
    world.tell(TERM)
    assert world.tell(WorkerExited(1, -11)) == [Left(1, -11, asked=True)]
    assert world.tell(WorkerExited(2, 0))[-1] == Finish(0)


def test_a_quick_stop_waits_for_nobody() -> None:
    world = World(want=2).serving()
    assert world.tell(INT) == [CloseListeners(), Quit(1), Quit(2)]
    assert world.wait_until_due() == [Kill(1, Overdue.QUIT, 2.0), Kill(2, Overdue.QUIT, 2.0)]


def test_int_after_term_is_quick() -> None:
    world = World(want=2).serving()
    world.tell(TERM)
    world.wait(5)
    assert world.tell(INT) == [Quit(1), Quit(2)]
    world.now += 2
    assert only(world.wait(0), Kill) == [Kill(1, Overdue.QUIT, 2.0), Kill(2, Overdue.QUIT, 2.0)]


def test_int_shortly_before_the_grace_ends_does_not_lengthen_it() -> None:
    world = World(want=1).serving()
    world.tell(TERM)
    world.wait(29)
    world.tell(INT)
    assert world.wait(1) == [Kill(1, Overdue.QUIT, 2.0)]


def test_a_second_term_is_not_quicker_and_term_after_int_is_not_slower() -> None:
    world = World(want=1).serving()
    world.tell(TERM)
    world.wait(10)
    assert world.tell(TERM) == []
    assert world.wait(19.9) == []
    assert world.wait_until_due() == [Abort(1, Overdue.GRACE, 30.0)]

    world = World(want=1).serving()
    world.tell(INT)
    assert world.tell(TERM, INT) == []
    assert world.wait(2) == [Kill(1, Overdue.QUIT, 2.0)]


def test_a_failed_start_keeps_its_exit_code_through_a_stop() -> None:
    world = World(want=2)
    world.start()
    world.tell(WorkerBootFailed(1, 4, "", ""))
    assert world.tell(TERM, INT) == []
    assert world.tell(WorkerExited(1, 4), WorkerExited(2, -2))[-1] == Finish(4)


def test_nothing_is_started_after_a_stop() -> None:
    world = World(want=2).serving()
    world.tell(TERM)
    assert only(world.tell(ScaleAsked(+1), ScaleAsked(-1), ReopenAsked(), WorkerExited(1, 1)), Spawn) == []


def test_one_more_and_one_less() -> None:
    world = World(want=2).serving()
    assert world.tell(ScaleAsked(+1)) == [WantChanged(3, 2), Spawn(3, 2, 1)]
    world.tell(WorkerReady(3))
    assert world.tell(ScaleAsked(-1)) == [WantChanged(2, 3), Drain(1, 30.0)], "the oldest leaves"
    assert world.tell(WorkerExited(1, 0)) == [Left(1, 0, asked=True)]


def test_the_last_worker_cannot_be_taken_away() -> None:
    world = World(want=1).serving()
    assert world.tell(ScaleAsked(-1), ScaleAsked(-1)) == []
    assert world.tell(ScaleAsked(+1)) == [WantChanged(2, 1), Spawn(2, 1, 1)]


def test_one_less_while_one_boots_lets_the_booting_one_go() -> None:
    world = World(want=2).serving()
    world.tell(ScaleAsked(+1))
    assert world.tell(ScaleAsked(-1)) == [WantChanged(2, 3), Quit(3, gently=True)]


def test_one_less_in_the_back_off_just_does_not_start_it() -> None:
    world = World(want=2).serving()
    world.tell(WorkerExited(1, -11))
    world.fail_boot(3)
    assert world.tell(ScaleAsked(-1)) == [WantChanged(1, 2)]
    assert world.wait(60) == []


def test_many_less_at_once_all_drain_at_once() -> None:
    world = World(want=4).serving()
    orders = world.tell(ScaleAsked(-1), ScaleAsked(-1), ScaleAsked(-1))
    assert only(orders, Drain) == [Drain(1, 30.0), Drain(2, 30.0), Drain(3, 30.0)]


def test_more_than_the_scoreboard_holds_is_refused() -> None:
    world = World(want=2, rules=Rules(slots=3)).serving()
    assert world.tell(ScaleAsked(+1)) == [NotScaled(3, 2)]


def test_a_draining_worker_keeps_its_slot() -> None:
    world = World(want=2, rules=Rules(slots=3)).serving()
    world.tell(ScaleAsked(-1), ScaleAsked(+1))
    assert {worker.slot for worker in world.state.workers.values()} == {0, 1, 2}
    world.tell(WorkerReady(3), ScaleAsked(-1))
    assert world.tell(ScaleAsked(+1)) == [WantChanged(2, 1)], "no slot is free"
    assert world.tell(WorkerExited(1, 0)) == [Left(1, 0, asked=True), Spawn(4, 0, 1)]


def test_logs_are_reopened_in_every_state() -> None:
    world = World(want=1)
    assert ReopenLogs() in world.tell(ReopenAsked())
    world.serving()
    assert world.tell(ReopenAsked()) == [ReopenLogs()]
    world.tell(TERM)
    assert world.tell(ReopenAsked()) == [ReopenLogs()]
