"""Of what is wanted and what there is, make the smallest move that brings them closer.

Start, crash, scale, recycle and reload are this one rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from tonnage.supervisor import generations, pacing, recycling
from tonnage.supervisor.leaving import let_go, stay
from tonnage.supervisor.orders import Hatch, Order, Spawn
from tonnage.supervisor.state import NEVER, NO_SLOT, Phase, Record, State


def converge(state: State, now: float) -> list[Order]:
    return [
        *recycling.retire(state, now),
        *_shrink(state, now),
        *_hatch(state, now),
        *_grow(state, now),
        *generations.advance(state, now),
        *generations.forget(state, now),
    ]


def start_due(state: State, now: float) -> float:
    """When the back-off is over, if anybody waits for that."""
    missing = len(state.live) < state.want or state.recycling or _lacks_image(state)
    return state.pace.not_before if missing and state.pace.not_before > now else NEVER


def _shrink(state: State, now: float) -> Iterator[Order]:
    while (worker := _next_to_leave(state)) is not None:
        yield stay(state, worker, now) if generations.is_last_there(state, worker) else let_go(state, worker, now)


def _next_to_leave(state: State) -> Record | None:
    """Stale before fresh; booting before ready, for it costs nobody anything; tired, then old before young."""
    live = state.live
    ready = [worker for worker in live if worker.phase is Phase.READY]
    stale = [worker for worker in live if state.is_stale(worker)]
    for worker in stale:
        if worker.phase is Phase.BOOTING:  # would only ever run code that is wanted no more
            return worker
    if len(live) <= state.want:
        return None
    if len(ready) > state.want:
        return min(ready, key=lambda worker: (not state.is_stale(worker), not worker.tired, worker.age))
    if stale:  # what still boots is a replacement, not a surplus
        return None
    return next(worker for worker in reversed(live) if worker.phase is Phase.BOOTING)


def _lacks_image(state: State) -> bool:
    return state.rules.preload and not any(
        zygote.generation == state.generation and zygote.phase in (Phase.BOOTING, Phase.READY)
        for zygote in state.zygotes.values()
    )


def _hatch(state: State, now: float) -> list[Order]:
    if not _lacks_image(state) or now < state.pace.not_before:
        return []
    age = state.next_age()
    state.zygotes[age] = Record(age, NO_SLOT, state.generation, now, now + state.rules.boot_timeout_s)
    return [Hatch(age, state.generation)]


def _grow(state: State, now: float) -> list[Order]:
    live = state.live
    fresh = sum(not state.is_stale(worker) for worker in live)
    old = sum(state.is_stale(worker) for worker in state.workers.values())  # also those that drain
    if fresh >= state.want or fresh + old >= state.want + (state.rules.surge if old else 0):
        return []
    if state.rules.preload and not generations.has_image(state, state.generation):
        return []
    booting = sum(worker.phase is Phase.BOOTING for worker in live)
    if not pacing.may_start(state.pace, booting, state.rules.boot_at_once, now):
        return []
    taken = {worker.slot for worker in state.workers.values()}
    slot = next((slot for slot in range(state.rules.slots) if slot not in taken), None)
    if slot is None:  # those that drain still hold theirs; the next that exits brings us back here
        return []
    age = state.next_age()
    state.workers[age] = Record(age, slot, state.generation, now, now + state.rules.boot_timeout_s)
    return [Spawn(age, slot, state.generation)]
