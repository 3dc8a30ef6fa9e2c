"""Decide what the supervisor does next, without doing it.

`step` takes in one fact and answers with orders. What a fact means by itself is said here; then `converge` makes the
smallest move towards what is wanted. Only a stop is different: it only takes away.

No fork, no clock, no signal here nor in what this imports, so that every race is a test that takes microseconds.

Invariants:
1. Never fewer ready workers than wanted because of us: a ready worker leaves only while more than `want` are ready.
2. After StopAsked nothing is started, and every process has a deadline, so the server always ends.
3. A worker that cannot boot ends the server only while no worker has ever been ready.
4. No worker is started from a generation that was given up.
"""

from __future__ import annotations

from tonnage.supervisor import ends, generations, pacing, recycling
from tonnage.supervisor.converge import converge, start_due
from tonnage.supervisor.facts import (
    Asked,
    Fact,
    Failed,
    ForkFailed,
    Heard,
    HeirGone,
    HeirServes,
    Released,
    ReloadAsked,
    ReopenAsked,
    RestAsked,
    ScaleAsked,
    Sized,
    StopAsked,
    Tick,
    UpgradeAsked,
    Weighed,
    WorkerBootFailed,
    WorkerExited,
    WorkerHung,
    WorkerLeaving,
    WorkerReady,
    WorkerTired,
)
from tonnage.supervisor.leaving import QUIT_GRACE_S, UP, abort, close_when_due, drains, stop
from tonnage.supervisor.orders import (
    Announce,
    BootFailure,
    Finish,
    HeirLost,
    NotReloaded,
    NotScaled,
    NotUpgraded,
    Order,
    Overdue,
    ReadRelease,
    ReopenLogs,
    Rests,
    Size,
    StartHeir,
    WantChanged,
)
from tonnage.supervisor.state import NEVER, NO_SLOT, Mode, Phase, Record, State, most, within


def step(state: State, fact: Fact, now: float) -> list[Order]:
    _settle(state, now)
    orders = _take_in(state, fact, now)
    if isinstance(fact, Tick):  # nothing else is known: nobody is called late whose word only waits to be heard
        orders = [*orders, *ends.overdue(state, now)]
    orders = [*orders, *close_when_due(state, now)]
    if state.mode in UP:
        return orders + converge(state, now)
    return orders + _finish(state)


def wake_at(state: State, now: float) -> float:
    """When a Tick is due, if nothing else happens before."""
    due = [process.deadline for process in (*state.workers.values(), *state.zygotes.values())]
    due.append(state.close_at)
    if state.mode in UP:
        due += [start_due(state, now), recycling.retirement_due(state)]
        if (proof := generations.proof_due(state)) > now:
            due.append(proof)
    return min(due)


def _take_in(state: State, fact: Fact, now: float) -> list[Order]:
    match fact:
        case StopAsked() | ScaleAsked() | ReopenAsked() | ReloadAsked() | Released():
            return _asked(state, fact, now)
        case UpgradeAsked() | RestAsked():
            return _asked_of_heir(state, fact)
        case Weighed():
            recycling.weigh(state, fact, now)
        case Sized():
            return _size(state, fact)
        case HeirServes():
            state.has_heir = True
        case HeirGone(reason):
            return _lose_heir(state, reason)
        case Tick():
            pass
        case _:
            process = state.workers.get(fact.age) or state.zygotes.get(fact.age)
            return _hear_of(state, process, fact, now) if process is not None else []
    return []


def _asked(state: State, fact: Asked, now: float) -> list[Order]:
    match fact:
        case StopAsked(quick):
            return stop(state, now, quick=quick)
        case ReopenAsked():
            return [ReopenLogs()]
        case ScaleAsked(by) if state.mode in UP:
            return _scale(state, by)
        case Released() if state.mode in UP:
            return generations.begin(state, fact, now)
        case ReloadAsked():
            return [ReadRelease()] if state.mode in UP else [NotReloaded()]
    return []


def _asked_of_heir(state: State, fact: UpgradeAsked | RestAsked) -> list[Order]:
    if isinstance(fact, UpgradeAsked):
        return [StartHeir()] if state.mode is Mode.SERVING else [NotUpgraded("no worker serves yet, or no more")]
    if not state.has_heir or state.mode not in UP or not state.want:  # the size of a terminal has changed
        return []
    current = state.current
    current.rested_from, current.want = current.want, 0
    return [WantChanged(0, current.rested_from), Rests()]


def _lose_heir(state: State, reason: str) -> list[Order]:
    lost: list[Order] = [HeirLost(reason, undone=state.has_heir)]
    state.has_heir = False
    if state.mode not in UP:
        return lost
    old = state.want
    for generation in state.generations.values():  # also those that may have to be gone back to
        generation.want = generation.want or generation.rested_from
    return [*lost, WantChanged(state.want, old)] if state.want != old else lost


def _hear_of(state: State, process: Record, fact: Heard, now: float) -> list[Order]:
    match fact:
        case WorkerBootFailed() | WorkerExited() | ForkFailed():
            return _failed(state, process, fact, now)
        case WorkerReady() if process.phase is Phase.BOOTING:
            return _ready(state, process, now)
        case WorkerReady() if process.phase is Phase.QUITTING and state.mode is not Mode.QUITTING:
            drains(state, process, now)  # it was ready before it was told to go: it may have requests
        case _ if process.phase is not Phase.READY or process.slot == NO_SLOT:
            pass
        case WorkerTired():
            return recycling.asked(state, process, fact, now)
        case WorkerHung(_, what):
            return [abort(process, now, Overdue.REQUEST, 0.0, what)]
        case WorkerLeaving():
            return ends.leaves(state, process, now)
    return []


def _failed(state: State, process: Record, fact: Failed, now: float) -> list[Order]:
    match fact:
        case WorkerExited(_, code):
            _remove(state, process)
            return ends.exited(state, process, code, now)
        case ForkFailed(_, reason):
            _remove(state, process)
            return ends.not_forked(state, process, reason, now)
        case WorkerBootFailed(age, exit_code, reason, detail) if process.phase is Phase.BOOTING:
            process.phase, process.deadline = Phase.QUITTING, now + QUIT_GRACE_S
            return ends.never_ready(state, process, BootFailure(age, exit_code, reason, detail), now)
    return []


def _remove(state: State, process: Record) -> None:
    del (state.zygotes if process.slot == NO_SLOT else state.workers)[process.age]


def _scale(state: State, by: int) -> list[Order]:
    old, wish, rules = state.want, state.want + by, state.rules
    state.current.want, state.current.sized = within(rules, wish), True
    orders: list[Order] = []
    if wish > most(rules):
        orders.append(NotScaled(wish, most(rules), "--max-workers" if most(rules) == rules.max_workers else ""))
    elif 0 < wish < rules.min_workers:
        orders.append(NotScaled(wish, rules.min_workers, "--min-workers"))
    return [*orders, WantChanged(state.want, old)] if state.want != old else orders


def _size(state: State, fact: Sized) -> list[Order]:
    current, old = state.current, state.want
    is_answered = current.sized or not old  # somebody has asked for a number, or for none
    if state.mode not in UP or current.number != fact.generation or is_answered:
        return []
    current.want, current.sized = within(state.rules, fact.want), True
    return [WantChanged(state.want, old)] if state.want != old else []


def _ready(state: State, process: Record, now: float) -> list[Order]:
    process.phase, process.ready_at, process.deadline = Phase.READY, now, NEVER
    if process.slot == NO_SLOT:
        return []
    to_size = process.generation == state.generation and not state.current.sized
    orders: list[Order] = [Size(process.age, process.generation)] if to_size else []
    if state.mode is not Mode.STARTING:
        return orders
    state.mode = Mode.SERVING
    return [Announce(), *orders]


def _settle(state: State, now: float) -> None:
    """Notice what has proved itself by lasting."""
    for generation in state.generations.values():
        pace = generation.pace
        if (pace.failures or pace.excused_below) and any(
            worker.generation == generation.number
            and worker.born_at > pace.failed_at
            and worker.age >= pace.excused_below
            and now - worker.ready_at >= pacing.STEADY_S
            for worker in state.live
        ):
            pacing.forgive(pace)


def _finish(state: State) -> list[Order]:
    if state.workers or state.zygotes or state.mode is Mode.FINISHED:
        return []
    state.mode = Mode.FINISHED
    return [Finish(state.exit_code)]
