"""Decide what the supervisor does next, without doing it.

`step` takes in one fact and answers with orders. Start, crash, scale and reload are one rule, `_converge`: of what is
wanted and what there is, make the smallest move that brings them closer. Only a stop is different: it only takes away.

No fork, no clock, no signal here, so that every race is a test that takes microseconds.

Invariants:
1. Never fewer ready workers than wanted because of us: a ready worker leaves only while more than `want` are ready.
2. After StopAsked nothing is started, and every worker has a deadline, so the server always ends.
3. A worker that cannot boot ends the server only while no worker has ever been ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tonnage.supervisor import pacing
from tonnage.supervisor.facts import (
    Fact,
    ForkFailed,
    ReloadAsked,
    ReopenAsked,
    ScaleAsked,
    StopAsked,
    Tick,
    WorkerBootFailed,
    WorkerExited,
    WorkerReady,
)
from tonnage.supervisor.orders import (
    Announce,
    BootFailure,
    CloseListeners,
    Crashed,
    Drain,
    Finish,
    Kill,
    Left,
    NotForked,
    NotScaled,
    Order,
    Overdue,
    Quit,
    ReloadAbandoned,
    ReopenLogs,
    Spawn,
    WantChanged,
)
from tonnage.supervisor.state import NEVER, Mode, Phase, Record, State

QUIT_GRACE_S = 2.0  # Gunicorn's; time for the hooks of a worker that has nothing left to finish
UP = (Mode.STARTING, Mode.SERVING)
EXIT_BOOT = 3
EXIT_LOAD = 4


def step(state: State, fact: Fact, now: float) -> list[Order]:
    _settle(state, now)
    orders = _take_in(state, fact, now)
    orders += _kill_overdue(state, now)
    return orders + _converge(state, now)


def wake_at(state: State, now: float) -> float:
    """When a Tick is due, if nothing else happens before."""
    due = [worker.deadline for worker in state.workers.values()]
    if state.mode in UP and len(state.live) < state.want and state.pace.not_before > now:
        due.append(state.pace.not_before)
    return min(due, default=NEVER)


def _take_in(state: State, fact: Fact, now: float) -> list[Order]:
    match fact:
        case StopAsked(quick):
            return _stop(state, now, quick=quick)
        case ScaleAsked(by):
            return _scale(state, by)
        case ReopenAsked():
            return [ReopenLogs()]
        case ReloadAsked():
            state.newest += 1
            state.generation = state.newest
            pacing.forgive(state.pace)
            return []
        case Tick():
            return []
        case _:
            worker = state.workers.get(fact.age)
            return _hear_of(state, worker, fact, now) if worker is not None else []


def _hear_of(state: State, worker: Record, fact: Fact, now: float) -> list[Order]:
    match fact:
        case WorkerReady():
            return _ready(state, worker, now)
        case WorkerBootFailed(age, exit_code, reason, detail) if worker.phase is Phase.BOOTING:
            worker.phase, worker.deadline = Phase.QUITTING, now + QUIT_GRACE_S
            return _never_ready(state, worker, BootFailure(age, exit_code, reason, detail), now)
        case WorkerExited(age, code):
            del state.workers[age]
            return _exited(state, worker, code, now)
        case ForkFailed(age, reason):
            del state.workers[age]
            retry_s = pacing.fail(state.pace, worker.born_at, now)
            return [NotForked(age, reason, retry_s, state.pace.failures)]
    return []


def _scale(state: State, by: int) -> list[Order]:
    if state.mode not in UP:
        return []
    old, wish = state.want, state.want + by
    state.want = min(max(1, wish), state.most)
    orders: list[Order] = [NotScaled(wish, state.most)] if wish > state.most else []
    return [*orders, WantChanged(state.want, old)] if state.want != old else orders


def _ready(state: State, worker: Record, now: float) -> list[Order]:
    if worker.phase is not Phase.BOOTING:  # told to quit while its message was on the way
        return []
    worker.phase, worker.ready_at, worker.deadline = Phase.READY, now, NEVER
    if state.mode is not Mode.STARTING:
        return []
    state.mode = Mode.SERVING
    return [Announce()]


# -- ends --------------------------------------------------------------------------------------------------------------


def _exited(state: State, worker: Record, code: int, now: float) -> list[Order]:
    if worker.phase in (Phase.DRAINING, Phase.QUITTING):
        return [Left(worker.age, code, asked=True)]
    if worker.phase is Phase.BOOTING:
        return _never_ready(state, worker, BootFailure(worker.age, code, "", ""), now)
    if code == 0:  # its own decision, as with --max-requests
        return [Left(worker.age, code, asked=False)]
    lived_s = now - worker.ready_at
    if lived_s >= pacing.STEADY_S:
        return [Crashed(worker.age, code, lived_s, 0.0, 0)]
    retry_s = pacing.fail(state.pace, worker.born_at, now)
    return [Crashed(worker.age, code, lived_s, retry_s, state.pace.failures), *_fall_back(state, worker)]


def _never_ready(state: State, worker: Record, report: BootFailure, now: float) -> list[Order]:
    if state.mode is Mode.STARTING:
        state.exit_code = EXIT_LOAD if report.code == EXIT_LOAD else EXIT_BOOT
        return [report, *_stop(state, now, quick=True)]
    retry_s = pacing.fail(state.pace, worker.born_at, now)
    return [replace(report, retry_s=retry_s, failures=state.pace.failures), *_fall_back(state, worker)]


def _fall_back(state: State, worker: Record) -> list[Order]:
    """A generation that fails while the one before it still serves is given up."""
    if worker.generation != state.generation or state.generation == state.good:
        return []
    if not any(other.generation == state.good and other.phase is Phase.READY for other in state.workers.values()):
        return []
    state.generation = state.good
    pacing.forgive(state.pace)
    return [ReloadAbandoned(worker.generation, state.good)]


def _stop(state: State, now: float, *, quick: bool) -> list[Order]:
    """TERM once or twice drains; INT or QUIT, at once or later, is quick; what follows a quick stop changes nothing."""
    was_up = state.mode in UP
    if not (was_up or (quick and state.mode is Mode.DRAINING)):
        return []
    state.mode = Mode.QUITTING if quick else Mode.DRAINING
    orders: list[Order] = [CloseListeners()] if was_up else []
    leave = _quit if quick else _let_go
    touched = (Phase.BOOTING, Phase.READY, Phase.DRAINING) if quick else (Phase.BOOTING, Phase.READY)
    return orders + [leave(state, worker, now) for worker in state.workers.values() if worker.phase in touched]


def _let_go(state: State, worker: Record, now: float) -> Order:
    if worker.phase is Phase.BOOTING:  # nothing is in flight
        return _quit(state, worker, now)
    grace_s = state.rules.graceful_timeout_s
    worker.phase, worker.deadline = Phase.DRAINING, now + grace_s
    return Drain(worker.age, grace_s)


def _quit(_state: State, worker: Record, now: float) -> Order:
    worker.phase, worker.deadline = Phase.QUITTING, min(worker.deadline, now + QUIT_GRACE_S)
    return Quit(worker.age)


def _kill_overdue(state: State, now: float) -> list[Order]:
    overdue = [worker for worker in state.workers.values() if worker.deadline <= now]
    return [order for worker in overdue for order in _kill(state, worker, now)]


def _kill(state: State, worker: Record, now: float) -> list[Order]:
    was, worker.deadline = worker.phase, NEVER
    if was is Phase.DRAINING:
        return [Kill(worker.age, Overdue.GRACE, state.rules.graceful_timeout_s)]
    if was is Phase.QUITTING:
        return [Kill(worker.age, Overdue.QUIT, QUIT_GRACE_S)]
    worker.phase = Phase.QUITTING
    limit_s = state.rules.boot_timeout_s
    reason = f"it was not ready after {limit_s:g} s and is killed (limit: --boot-timeout)"
    failure = BootFailure(worker.age, EXIT_BOOT, reason, "")
    return [Kill(worker.age, Overdue.BOOT, limit_s), *_never_ready(state, worker, failure, now)]


# -- converging --------------------------------------------------------------------------------------------------------


def _settle(state: State, now: float) -> None:
    """Notice what has proved itself by lasting."""
    pace, live = state.pace, state.live
    if pace.failures and any(w.born_at > pace.failed_at and now - w.ready_at >= pacing.STEADY_S for w in live):
        pacing.forgive(pace)


def _converge(state: State, now: float) -> list[Order]:
    if state.mode is Mode.FINISHED:
        return []
    if state.mode not in UP:
        return _finish(state)
    orders = [*_shrink(state, now), *_grow(state, now)]
    live = state.live
    settled = all(worker.generation == state.generation and worker.phase is Phase.READY for worker in live)
    if settled and len(live) >= state.want:
        state.good = state.generation
    return orders


def _finish(state: State) -> list[Order]:
    if state.workers:
        return []
    state.mode = Mode.FINISHED
    return [Finish(state.exit_code)]


def _shrink(state: State, now: float) -> Iterator[Order]:
    while (worker := _next_to_leave(state)) is not None:
        yield _let_go(state, worker, now)


def _next_to_leave(state: State) -> Record | None:
    """Stale before fresh; booting before ready, for it costs nobody anything; the oldest before the younger."""
    live = state.live
    ready = [worker for worker in live if worker.phase is Phase.READY]
    stale = [worker for worker in live if worker.generation != state.generation]
    for worker in stale:
        if worker.phase is Phase.BOOTING:  # would only ever run code that is wanted no more
            return worker
    if len(live) <= state.want:
        return None
    if len(ready) > state.want:
        return next(iter(stale), ready[0])
    if stale:  # what still boots is a replacement, not a surplus
        return None
    return next(worker for worker in reversed(live) if worker.phase is Phase.BOOTING)


def _grow(state: State, now: float) -> list[Order]:
    live = state.live
    fresh = sum(worker.generation == state.generation for worker in live)
    old = sum(worker.generation != state.generation for worker in state.workers.values())  # also those that drain
    if fresh >= state.want or fresh + old >= state.want + (state.rules.surge if old else 0):
        return []
    booting = sum(worker.phase is Phase.BOOTING for worker in live)
    if not pacing.may_start(state.pace, booting, state.rules.boot_at_once, now):
        return []
    taken = {worker.slot for worker in state.workers.values()}
    slot = next((slot for slot in range(state.rules.slots) if slot not in taken), None)
    if slot is None:  # those that drain still hold theirs; the next that exits brings us back here
        return []
    age = state.oldest_free_age
    state.oldest_free_age += 1
    state.workers[age] = Record(age, slot, state.generation, now, now + state.rules.boot_timeout_s)
    return [Spawn(age, slot, state.generation)]
