"""The loop of the asgi worker, as lifecycle.py knows a worker: it serves until it has drained or must quit."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Collection
from contextlib import suppress
from time import monotonic, monotonic_ns

from tonnage.app.lifespan import Lifespan
from tonnage.system.scoreboard import Cell
from tonnage.workers.asyncio.desk import Desk
from tonnage.workers.asyncio.reception import Porter
from tonnage.workers.leaving import IDLE_S, Leaving

TICK_S = 0.5
LEAVING_TICK_S = 0.02
LAST_WORDS_S = 1.0  # for tasks that are cancelled at the end
MARGIN_S = 0.5  # of the grace, after which we are killed


class Loop:
    def __init__(self, desk: Desk, porter: Porter, lifespan: Lifespan, log: logging.Logger) -> None:
        self._loop = desk.loop
        self._desk = desk
        self._porter = porter
        self._lifespan = lifespan
        self._log = log
        self._leaving: Leaving | None = None
        self._kill_at = 0.0  # when the grace of a drain is over
        self._ending: asyncio.Task[None] | None = None
        self._tick_at = 0.0
        self._others: set[int] = set()
        self.beat_s = 0.0  # when the loop last turned, for the watchdog; 0: it does not run

    def watch(self, fd: int, react: Callable[[], None]) -> None:
        """Call `react` when `fd` is readable."""
        self._others.add(fd)
        self._loop.add_reader(fd, react)

    def unwatch(self, fd: int) -> None:
        self._others.discard(fd)
        self._loop.remove_reader(fd)

    def run(self) -> None:
        """Until drained or told to quit."""
        os.register_at_fork(after_in_child=self._forsake)
        fd = signal.set_wakeup_fd(-1)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._loop.call_soon(self._take_signals, fd, mask)
        self._tick_at = monotonic()
        self._loop.call_soon(self._tick)
        self._loop.run_forever()
        self.beat_s = 0.0

    def keep_doors(self, numbers: Collection[int]) -> None:
        """Listen at these alone, numbered as the listeners are, and never again at the others."""
        self._porter.reception.keep(numbers)

    def drain(self, grace_s: float, delay_s: float = 0.0, *, serve_queue: bool = False) -> None:
        """Leave, as leaving.py says; then `run` returns. A stop may follow a recycling, and then counts."""
        if self._leaving is not None and not serve_queue:
            return
        now = monotonic()
        first = self._leaving is None
        self._kill_at = now + delay_s + grace_s
        self._leaving = Leaving(now, grace_s, delay_s, serve_queue=serve_queue)
        self._desk.announce_leave(now + delay_s + IDLE_S)
        self._loop.call_later(delay_s + IDLE_S, self._porter.give_up)
        if first:
            self._leave()

    def quit(self) -> None:
        self._loop.stop()

    def close(self) -> None:
        """What is left is cut off."""
        for client in list(self._desk.clients):
            client.transport.abort()
        self._porter.reception.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=LAST_WORDS_S))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        if self._desk.access is not None:
            self._desk.access.flush()

    # -- turns -----------------------------------------------------------------------------------------------------

    def _take_signals(self, fd: int, mask: set[int | signal.Signals]) -> None:
        """A loop that starts takes the wake-up descriptor for itself (uvloop); it is ours, see system/signals.py."""
        signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _tick(self) -> None:
        now = monotonic()
        self.beat_s = now
        cells = self._desk.slot.cells
        cells[Cell.BEAT_NS] = monotonic_ns()
        self._porter.review_certificates()
        self._desk.tick(int(max(0.0, now - self._tick_at) * 1e9))
        siblings = self._desk.rules.siblings
        reception = self._porter.reception
        if self._leaving is None:
            reception.review(now)
            if self._desk.is_full and siblings.are_full(self._desk.rules.connections) and not self._desk.close_idle():
                self._porter.turn_away()
        self._tick_at = now + TICK_S
        self._loop.call_later(TICK_S, self._tick)

    def _leave(self) -> None:
        """One step of a drain; the next follows soon."""
        assert self._leaving is not None
        if self._ending is not None:
            return
        now = monotonic()
        leaving, reception = self._leaving, self._porter.reception
        if leaving.listens(now):
            if reception.nobody_waits():
                leaving.queue_is_empty(now)
            reception.review(now)
        if not leaving.listens(now):
            reception.close()
            desk = self._desk
            if self._porter.nobody_arrives and not (desk.clients or desk.exchanges or desk.conversations):
                self._ending = self._loop.create_task(self._end())
                return
        self._loop.call_later(LEAVING_TICK_S, self._leave)

    async def _end(self) -> None:
        try:
            left_s = self._kill_at - monotonic() - MARGIN_S
            await self._lifespan.shutdown(max(left_s, MARGIN_S) if left_s < float("inf") else None)
        finally:
            self._loop.stop()

    def _forsake(self) -> None:
        """In a child that the application has forked: a connection ends only when every copy of it is closed."""
        fds = [sock.fileno() for each in self._desk.clients if (sock := each.transport.get_extra_info("socket"))]
        for fd in [*fds, *self._porter.reception.doors, *self._others]:
            with suppress(OSError):
                os.close(fd)
