"""How workers are asked to go: each with a deadline, so that everything ends."""

from __future__ import annotations

from tonnage.supervisor.orders import Abort, CloseListeners, Drain, Kill, Order, Overdue, Quit
from tonnage.supervisor.state import NEVER, Mode, Phase, Record, State

QUIT_GRACE_S = 2.0  # Gunicorn's; time for the hooks of a worker that has nothing left to finish
STACKS_S = 1.0  # faulthandler writes in microseconds, once the process is scheduled
UP = (Mode.STARTING, Mode.SERVING)


def let_go(
    state: State, worker: Record, now: float, *, delay_s: float = 0.0, serve_queue: bool = False, stays: bool = False
) -> Order:
    if worker.phase is Phase.BOOTING:  # nothing is in flight; unless it is ready, and we have not read that yet
        quit_now(worker, now)
        return Quit(worker.age, gently=True)
    grace_s = state.generations[worker.generation].rules.graceful_timeout_s
    worker.phase, worker.deadline = Phase.DRAINING, now + delay_s + grace_s
    worker.stays = stays and delay_s > 0.0
    return Drain(worker.age, grace_s, delay_s, serve_queue, stays)


def stay(state: State, worker: Record, now: float) -> Order:
    """The last at addresses that are given up serves there for as long as they may be needed again.

    It is told when that is over, and would know by itself only later: all others who hold those listeners are to have
    closed them first, or who comes after it would wait for nobody.
    """
    may_be_needed = worker.generation == state.good != state.generation
    delay_s = state.rules.bake_s + 2 * QUIT_GRACE_S if may_be_needed else 0.0
    return let_go(state, worker, now, delay_s=delay_s, serve_queue=True, stays=True)


def stay_no_longer(state: State, now: float, generation: int = 0) -> list[Order]:
    """Those of one generation, or of all."""
    staying = [worker for worker in state.workers.values() if worker.is_staying]
    of_these = [worker for worker in staying if generation in (0, worker.generation)]
    return [let_go(state, worker, now, serve_queue=True) for worker in of_these]


def drains(state: State, worker: Record, now: float) -> None:
    """It finishes what is in flight, though nobody has told it to drain."""
    worker.phase = Phase.DRAINING
    worker.deadline = now + state.generations[worker.generation].rules.graceful_timeout_s


def quit_now(worker: Record, now: float) -> Order:
    worker.phase, worker.deadline = Phase.QUITTING, min(worker.deadline, now + QUIT_GRACE_S)
    return Quit(worker.age)


def abort(worker: Record, now: float, overdue: Overdue, after_s: float, what: str = "") -> Order:
    worker.phase, worker.deadline = Phase.ABORTING, now + STACKS_S
    return Abort(worker.age, overdue, after_s, what)


def kill(worker: Record) -> Order:
    overdue, after_s = (
        (Overdue.STACKS, STACKS_S) if worker.phase is Phase.ABORTING else (Overdue.QUIT, QUIT_GRACE_S)
    )  # fmt: skip
    worker.phase, worker.deadline = Phase.QUITTING, NEVER
    return Kill(worker.age, overdue, after_s)


def stop(state: State, now: float, *, quick: bool) -> list[Order]:
    """TERM once or twice drains; INT or QUIT, at once or later, is quick; what follows a quick stop changes nothing."""
    was_up = state.mode in UP
    if not (was_up or (quick and state.mode is Mode.DRAINING)):
        return []
    state.mode = Mode.QUITTING if quick else Mode.DRAINING
    delay_s = 0.0 if quick or state.has_heir else state.rules.drain_delay_s
    if was_up or state.close_at != NEVER:
        state.close_at = now + delay_s
    orders = close_when_due(state, now)
    for worker in state.workers.values():
        if quick and worker.phase in (Phase.BOOTING, Phase.READY, Phase.DRAINING):
            orders.append(quit_now(worker, now))
        elif not quick and (worker.phase in (Phase.BOOTING, Phase.READY) or worker.is_staying):
            serve_queue = worker.is_staying or not state.has_heir
            orders.append(let_go(state, worker, now, delay_s=delay_s, serve_queue=serve_queue))
    return orders + [quit_now(zygote, now) for zygote in state.zygotes.values() if zygote.phase is not Phase.QUITTING]


def close_when_due(state: State, now: float) -> list[Order]:
    """The workers have their own copies, and serve what waits before they close them."""
    if state.close_at > now:
        return []
    state.close_at = NEVER
    return [CloseListeners()]
