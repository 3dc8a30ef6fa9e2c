"""Say what holds the event loop: nothing else runs meanwhile, not even the deadlines.

A thread of its own sees that the loop has not turned for a while, and logs the Python stack of what it does instead,
once. When that has lasted for `timeout`, nothing that this process holds can be finished in time: it asks to be
replaced and ends. When C code holds the GIL this thread does not run either; then the supervisor sees it.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable

from tonnage.app.frames import format_stack
from tonnage.config.model import Config
from tonnage.workers.asyncio.desk import Desk
from tonnage.workers.asyncio.service import TICK_S, Loop
from tonnage.workers.gil import GilGauge

LOOK_S = 0.5
HELD_S = 1.0  # a loop that does not turn for so long is worth a line
EXIT_HELD = 1


class Watchdog:
    def __init__(self, loop: Loop, desk: Desk, config: Config, log: logging.Logger, who: str) -> None:
        self._loop = loop
        self._desk = desk
        self._timeout_s = config.timeout or math.inf
        self._log = log
        self._who = who
        self._gauge = GilGauge(desk.slot)
        self._main = threading.get_ident()
        self._told = 0.0  # the beat whose absence was logged
        self.condemn: Callable[[str], object] | None = None  # ask for a replacement, with the reason
        self.hook: Callable[[], object] | None = None  # worker_abort

    def start(self) -> None:
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            self._gauge.sleep(LOOK_S)
            now = time.monotonic()
            self.look(now, late_s=now - began - LOOK_S)

    def look(self, now: float, *, late_s: float) -> None:
        """`late_s`: for so long the machine may have stood still, or all of this process."""
        beat = self._loop.beat_s
        held_s = now - beat - TICK_S
        if not beat or held_s < min(HELD_S, self._timeout_s):
            return
        if held_s - late_s > self._timeout_s:
            self._end(held_s)
        elif self._told != beat:
            self._told = beat
            self._log.warning(
                "the event loop of %s has been held for %.1f s; no other request is served meanwhile. What takes long "
                "belongs into a thread (asyncio.to_thread) or an await. It does this (innermost last):\n%s",
                self._who, held_s, self._stack(),
            )  # fmt: skip

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._main)  # noqa: SLF001 - documented, in spite of its name
        return format_stack(frame).rstrip() if frame is not None else "(the thread is gone)"

    def _end(self, held_s: float) -> None:
        reason = f"its event loop was held for {held_s:.1f} s (--timeout)"
        self._log.error(
            "the event loop of %s was held for %.1f s (limit: --timeout %g): it is ended with %d requests in flight, "
            "and replaced. It did this (innermost last):\n%s",
            self._who, held_s, self._timeout_s, len(self._desk.exchanges), self._stack(),
        )  # fmt: skip
        if self.hook is not None:
            try:
                self.hook()
            except Exception:  # noqa: BLE001 - the operator's code may raise anything
                self._log.exception("the worker_abort hook raised")
        if self.condemn is not None:
            self.condemn(reason)
        if self._desk.access is not None:
            self._desk.access.flush()
        logging.shutdown()
        os._exit(EXIT_HELD)
