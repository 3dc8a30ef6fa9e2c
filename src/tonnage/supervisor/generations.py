"""Which code is served: a new generation comes, takes over, proves itself, or is given up for the one before it.

A generation that fails before it has taken over is given up at its first failure: the one before still serves. Once it
has taken over it may lose one worker, by bad luck; with the second it is given up, until it has served for `bake_s`.
Afterwards the one before is forgotten, and there is nothing to go back to.
"""

from __future__ import annotations

from tonnage.supervisor import pacing
from tonnage.supervisor.facts import Released
from tonnage.supervisor.leaving import quit_now, stay_no_longer
from tonnage.supervisor.orders import (
    Adopt,
    Forget,
    LeaveListeners,
    Order,
    Proven,
    ReloadAbandoned,
    TookOver,
    WantChanged,
)
from tonnage.supervisor.state import NEVER, Generation, Phase, Record, State, within

CRASHES = 2  # one may be bad luck


def begin(state: State, fact: Released, now: float) -> list[Order]:
    if state.current.took_over_at != NEVER:
        state.previous = state.generation
    old = state.want
    state.newest += 1
    want = fact.want or old or state.current.rested_from  # found out again, but from where it stands
    state.generations[state.newest] = Generation(
        state.newest, fact.rules, within(fact.rules, want), fact.want > 0, moves=fact.moves
    )
    state.generation = state.newest
    # who stays elsewhere holds a slot of the scoreboard, and memory, that the next generation needs
    return [Adopt(state.newest), *_want_changed(state, old), *stay_no_longer(state, now)]


def is_last_there(state: State, worker: Record) -> bool:
    """Nobody else of its generation serves, and those who took over from it listen elsewhere."""
    if worker.generation == state.generation:
        return False
    if not (state.current.moves or state.generations[worker.generation].moves):
        return False
    return not any(other.generation == worker.generation and other is not worker for other in state.live)


def failed(state: State, number: int, *, steady: bool) -> list[Order]:
    """A process of the generation died of itself; `steady`: it had served for a while."""
    if number != state.generation or number == state.good:
        return []
    current = state.current
    current.crashes += 1
    serving = current.took_over_at != NEVER
    if (serving or steady) and current.crashes < CRASHES:
        return []
    return _go_back(state, state.good if serving else state.previous, was_serving=serving)


def _go_back(state: State, to: int, *, was_serving: bool) -> list[Order]:
    given_up, old = state.generation, state.want
    state.generation = state.previous = to
    back = state.current
    back.crashes = 0
    pacing.forgive(back.pace)
    if was_serving:
        back.took_over_at = NEVER
    missing = sum(worker.generation == to and worker.phase is Phase.READY for worker in state.live) < back.want
    from_disk = missing and not has_image(state, to)
    return [ReloadAbandoned(given_up, to, was_serving, from_disk), Adopt(to), *_want_changed(state, old)]


def has_image(state: State, number: int) -> bool:
    """A zygote that workers can be forked from."""
    return any(zygote.generation == number and zygote.phase is Phase.READY for zygote in state.zygotes.values())


def advance(state: State, now: float) -> list[Order]:
    """Notice that the current generation has taken over, or has proved itself."""
    if not _is_settled(state):
        return []
    current, orders = state.current, list[Order]()
    if current.took_over_at == NEVER:
        current.took_over_at = now
        state.previous = current.number
        if state.newest > 1:
            orders.append(TookOver(current.number, 0.0 if current.number == state.good else current.rules.bake_s))
    if current.number != state.good and now >= current.took_over_at + current.rules.bake_s:
        state.good = current.number
        current.crashes = 0
        if current.rules.bake_s:
            orders.append(Proven(current.number, current.rules.bake_s))
    return orders


def _is_settled(state: State) -> bool:
    live = state.live
    ready = all(worker.generation == state.generation and worker.phase is Phase.READY for worker in live)
    return ready and 0 < state.want <= len(live)  # where all rest, nothing is proven by it


def proof_due(state: State) -> float:
    current = state.current
    return NEVER if current.number == state.good else current.took_over_at + current.rules.bake_s


def forget(state: State, now: float) -> list[Order]:
    """Those that nothing can go back to: first their zygotes, and with the last worker everything."""
    orders: list[Order] = []
    for number in [number for number in state.generations if number not in _kept(state)]:
        if state.generations[number].listens:
            state.generations[number].listens = False
            orders.append(LeaveListeners(number))
        zygotes = [zygote for zygote in state.zygotes.values() if zygote.generation == number]
        orders += [quit_now(zygote, now) for zygote in zygotes if zygote.phase in (Phase.BOOTING, Phase.READY)]
        if zygotes:
            continue
        orders += stay_no_longer(state, now, number)
        if not any(worker.generation == number for worker in state.workers.values()):
            del state.generations[number]
            orders.append(Forget(number))
    return orders


def _kept(state: State) -> set[int]:
    return {state.generation, state.good, state.previous}


def _want_changed(state: State, old: int) -> list[Order]:
    return [WantChanged(state.want, old)] if state.want != old else []
