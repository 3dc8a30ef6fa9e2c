"""Tell the service manager (systemd) what is true: ready, reloading, stopping, one line of status, signs of life.

Read off the policy's state after each turn, so it says what is, not what was ordered. All that the loop has to do:

    herald = Herald(Notifier(os.environ, os.getpid()), control.progress)
    belongings.append(herald.close)                # called in forked children
    herald.reloading(state.newest, now)            # before the settings are read again
    herald.refused()                               # they cannot be: nothing has changed
    herald.turn(state, now)                        # at the end of each turn, which herald.next_at has to allow for
    herald.heir = pid                              # of a new supervisor that serves beside us; None when it is gone

READY means that a worker serves. A reload that came to nothing ends with READY as well: the manager knows no other end
for it, and a manager left waiting would call the unit failed.
"""

from __future__ import annotations

from collections.abc import Callable

from tonnage.supervisor.state import NEVER, Mode, Phase, State
from tonnage.system.notify import Notifier

UP = (Mode.STARTING, Mode.SERVING)


class Herald:
    def __init__(self, notifier: Notifier, tell: Callable[[str], object] = str) -> None:
        """`tell` is called with each new line of status; operators who wait for a reload hear how far it is."""
        self.heir: int | None = None
        self.next_at = NEVER if notifier.beat_s is None else float("-inf")
        self._notifier = notifier
        self._tell = tell
        self._said = ""  # to the service manager
        self._told = ""
        self._mode = Mode.STARTING
        self._reloading_from: int | None = None  # the newest generation when it began

    def reloading(self, newest: int, now: float) -> None:
        self._reloading_from = newest
        self._said = "Reloading"
        self._notifier.reloading(self._said, now)

    def refused(self) -> None:
        self._reloading_from = None
        self._said = "Serving on as before: the settings could not be read again; see the log"
        self._notifier.ready(self._said)

    def turn(self, state: State, now: float) -> None:
        if now >= self.next_at and self._notifier.beat_s is not None:
            self.next_at = now + self._notifier.beat_s
            self._notifier.alive()
        before, self._mode = self._mode, state.mode
        if (status := _status(state)) != self._told:
            self._told = status
            self._tell(status)
        if state.mode in UP:
            self._serve(state, was_ready=before is Mode.SERVING)
        elif before in UP:
            self._leave(state)

    def close(self) -> None:
        self._notifier.close()

    def _serve(self, state: State, *, was_ready: bool) -> None:
        said, status = self._said, self._told
        if state.mode is Mode.SERVING and (not was_ready or self._has_reloaded(state)):
            self._reloading_from = None
            self._notifier.ready(status)
        elif status != said and self._reloading_from is None:
            self._notifier.status(status)
        self._said = status

    def _has_reloaded(self, state: State) -> bool:
        began = self._reloading_from
        return began is not None and state.newest > began and state.current.took_over_at != NEVER

    def _leave(self, state: State) -> None:
        if self.heir is None:
            how = "finishing what is in flight" if state.mode is Mode.DRAINING else "at once"
            self._notifier.stopping(f"Stopping, {how}")
        else:  # the service goes on: who may send is the main process, so it is now or never
            self._notifier.main_pid(self.heir)
            self.next_at = NEVER


def _status(state: State) -> str:
    ready = [worker.generation for worker in state.workers.values() if worker.phase is Phase.READY]
    fresh = ready.count(state.generation)
    text = f"Generation {state.generation}: {fresh} of {state.want} workers ready"
    if fresh < len(ready):
        text += f", {len(ready) - fresh} of another one"
    leaving = sum(worker.phase not in (Phase.READY, Phase.BOOTING) for worker in state.workers.values())
    return f"{text}, {leaving} leaving" if leaving else text
