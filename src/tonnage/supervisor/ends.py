"""What follows from the end of a worker or a zygote, or from its end being overdue."""

from __future__ import annotations

from dataclasses import replace

from tonnage.supervisor import generations, pacing
from tonnage.supervisor.leaving import abort, drains, kill, stop
from tonnage.supervisor.orders import (
    BootFailure,
    Crashed,
    CrashLoop,
    Left,
    NotForked,
    Order,
    Overdue,
    ReloadAbandoned,
    ZygoteLost,
)
from tonnage.supervisor.state import NEVER, NO_SLOT, Mode, Phase, Record, State

EXIT_BOOT = 3
EXIT_LOAD = 4
LOOP = 3  # failures in a row are no accident


def exited(state: State, worker: Record, code: int, now: float) -> list[Order]:
    if worker.phase is Phase.BOOTING:
        return never_ready(state, worker, BootFailure(worker.age, code, "", ""), now)
    if worker.phase is not Phase.READY:
        return [Left(worker.age, code, asked=True)]
    if worker.slot == NO_SLOT:
        if not _is_steady(worker, now):
            _count(state, worker, now)
        return [ZygoteLost(worker.age, worker.generation, code)]
    if worker.tired and code >= 0:
        return [Left(worker.age, code, asked=True)]
    if code == 0 and _may_leave(state, worker, now):
        return [Left(worker.age, code, asked=False)]
    return _crashed(state, worker, code, now)


def leaves(state: State, worker: Record, now: float) -> list[Order]:
    """It is about to exit with code 0. Its successor need not wait for that, but perhaps because of it."""
    drains(state, worker, now)
    return [] if worker.tired or _may_leave(state, worker, now) else _crashed(state, worker, 0, now)


def _is_steady(worker: Record, now: float) -> bool:
    return now - worker.ready_at >= pacing.STEADY_S


def _may_leave(state: State, worker: Record, now: float) -> bool:
    """By itself; TERM to a worker looks like that. Who does so young, one after the other, is in a crash loop."""
    return _is_steady(worker, now) or pacing.excuse(_pace(state, worker), worker.age, state.oldest_free_age)


def _crashed(state: State, worker: Record, code: int, now: float) -> list[Order]:
    steady = _is_steady(worker, now)
    retry_s, loop = (0.0, list[Order]()) if steady else _count(state, worker, now)
    failures = 0 if steady else _pace(state, worker).failures
    consequences = _judge(state, worker, loop, steady=steady)
    lived_s = now - worker.ready_at
    return [Crashed(worker.age, code, lived_s, _retry_s(consequences, retry_s), failures), *consequences]


def never_ready(state: State, worker: Record, report: BootFailure, now: float) -> list[Order]:
    if state.mode is Mode.STARTING:
        state.exit_code = EXIT_LOAD if report.code == EXIT_LOAD else EXIT_BOOT
        return [report, *stop(state, now, quick=True)]
    retry_s, loop = _count(state, worker, now)
    failures = _pace(state, worker).failures
    consequences = _judge(state, worker, loop, steady=False)
    return [replace(report, retry_s=_retry_s(consequences, retry_s), failures=failures), *consequences]


def not_forked(state: State, worker: Record, reason: str, now: float) -> list[Order]:
    """That is no fault of the generation."""
    if worker.phase is not Phase.BOOTING:  # it was not wanted any more
        return []
    pace = _pace(state, worker)
    retry_s = pacing.fail(pace, worker.born_at, now)
    return [NotForked(worker.age, reason, retry_s, pace.failures)]


def overdue(state: State, now: float) -> list[Order]:
    late = [process for process in (*state.workers.values(), *state.zygotes.values()) if process.deadline <= now]
    return [order for process in late for order in _end(state, process, now)]


def _end(state: State, worker: Record, now: float) -> list[Order]:
    rules = state.generations[worker.generation].rules
    if worker.phase is Phase.DRAINING:
        return [abort(worker, now, Overdue.GRACE, rules.graceful_timeout_s)]
    if worker.phase is not Phase.BOOTING:
        return [kill(worker)]
    limit_s = rules.boot_timeout_s
    reason = f"it was not ready after {limit_s:g} s and is killed (limit: --boot-timeout)"
    ending = abort(worker, now, Overdue.BOOT, limit_s)
    return [ending, *never_ready(state, worker, BootFailure(worker.age, EXIT_BOOT, reason, ""), now)]


def _count(state: State, worker: Record, now: float) -> tuple[float, list[Order]]:
    """How long to wait, and what to say of a loop."""
    pace = _pace(state, worker)
    before = pace.failures
    retry_s = pacing.fail(pace, worker.born_at, now)
    is_loop = before < LOOP <= pace.failures
    return retry_s, [CrashLoop(worker.generation, pace.failures, retry_s)] if is_loop else []


def _judge(state: State, worker: Record, loop: list[Order], *, steady: bool) -> list[Order]:
    """A generation that is given up needs no other word."""
    return generations.failed(state, worker.generation, steady=steady) or loop


def _retry_s(consequences: list[Order], retry_s: float) -> float:
    given_up = any(isinstance(order, ReloadAbandoned) for order in consequences)
    return NEVER if given_up else retry_s


def _pace(state: State, worker: Record) -> pacing.Pace:
    return state.generations[worker.generation].pace
