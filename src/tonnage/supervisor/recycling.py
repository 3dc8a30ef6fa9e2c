"""Which worker is replaced for its age, its memory, or because it asks to be: one at a time over the whole server.

The replacement is ready before the old one drains (converge.py), and the next is not begun before the old one is gone,
so that recycling never costs more than the memory of one worker. During a reload all are replaced anyway.
"""

from __future__ import annotations

from tonnage.supervisor.facts import Weighed, WorkerTired
from tonnage.supervisor.leaving import let_go
from tonnage.supervisor.orders import Order, Recycled
from tonnage.supervisor.pacing import STEADY_S
from tonnage.supervisor.state import NEVER, Phase, Record, State

RELIEF_S = 30.0  # until the next is replaced for the sum: what the last one brought must have become visible
MIB = 1 << 20


def asked(state: State, worker: Record, fact: WorkerTired, now: float) -> list[Order]:
    if fact.urgent:  # it is no help any more: whether its replacement is ready makes no difference to it
        return [Recycled(worker.age, fact.reason), let_go(state, worker, now)]
    worker.tired = worker.tired or fact.reason
    return []


def weigh(state: State, fact: Weighed, now: float) -> None:
    """Tire who has grown too big, and the biggest idle worker when all of them together have."""
    rules = state.rules
    ready = {age: worker for age, worker in state.workers.items() if worker.phase is Phase.READY}
    weights = [weight for weight in fact.workers if weight.age in ready]
    for weight in weights:
        worker = ready[weight.age]
        if 0 < rules.worker_memory < weight.octets and _may_tire(worker, now):
            worker.tired = (
                f"it takes {weight.octets / MIB:.1f} MiB, more than {rules.worker_memory / MIB:g} (--max-worker-memory)"
            )
    total = (fact.others or 0) + sum(weight.octets for weight in fact.workers)
    if (
        fact.others is None
        or not 0 < rules.total_memory < total
        or now < state.relieved_at + RELIEF_S
        or _is_busy(state)
    ):
        return
    idle = [weight for weight in weights if weight.idle and _may_tire(ready[weight.age], now)]
    if idle:
        biggest = max(idle, key=lambda weight: weight.octets)
        state.relieved_at = now
        ready[biggest.age].tired = (
            f"the server takes {total / MIB:.1f} MiB, more than {rules.total_memory / MIB:.1f} (--max-total-memory), "
            f"and it is its biggest idle worker with {biggest.octets / MIB:.1f} MiB"
        )


def _may_tire(worker: Record, now: float) -> bool:
    """Not one that is as big as it is since its start: its replacement would be as big."""
    return not worker.tired and now - worker.ready_at >= STEADY_S


def _is_busy(state: State) -> bool:
    return any(worker.tired or state.is_stale(worker) for worker in state.workers.values())


def retire(state: State, now: float) -> list[Order]:
    """Tire the old, and begin with the next who is tired."""
    for worker in state.live:
        if now >= _retires_at(state, worker):
            limit_s = state.generations[worker.generation].rules.lifetime_s
            worker.tired = (
                f"it has served for {now - worker.ready_at:.0f} s, longer than {limit_s:g} (--max-worker-lifetime)"
            )
    if state.recycling not in state.workers:
        state.recycling = 0
    if state.pace.failures or any(state.is_stale(worker) for worker in state.workers.values()):
        return []
    chosen = next((worker for worker in state.live if worker.tired), None)
    if chosen is None:
        return []
    state.recycling = chosen.age
    return [Recycled(chosen.age, chosen.tired)]


def retirement_due(state: State) -> float:
    return min((_retires_at(state, worker) for worker in state.live), default=NEVER)


def _retires_at(state: State, worker: Record) -> float:
    if worker.tired or worker.phase is not Phase.READY:
        return NEVER
    return worker.ready_at + state.generations[worker.generation].rules.lifetime_s
