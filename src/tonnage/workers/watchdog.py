"""Enforce the deadline of a request (`timeout`), and say what it was doing.

A thread of its own looks once a second at what the application has; how late it wakes up tells what the GIL costs
(gil.py). A request past its deadline is answered with 504, when nothing of an answer has gone out, and logged with the
Python stack of its thread and how much CPU that used. Its thread cannot be stopped, so the worker cannot be trusted any
more: it asks to be replaced, takes nothing new, and ends when its other requests are done.

When C code holds the GIL this thread does not run either; then the supervisor, who sees the same request on the
scoreboard, kills the worker.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable

from tonnage.app.frames import format_stack
from tonnage.workers.clients import shut
from tonnage.workers.exchange import Exchange
from tonnage.workers.gil import GilGauge
from tonnage.workers.pool import Dispatch

LOOK_S = 1.0


class Watchdog:
    """`condemn` is called, on this thread, with each exchange that is past its deadline, and the reason for the log."""

    def __init__(
        self, dispatch: Dispatch, timeout_s: float, condemn: Callable[[Exchange, str], None], log: logging.Logger,
        who: str, gauge: GilGauge,
    ) -> None:  # fmt: skip
        self._dispatch = dispatch
        self._timeout_ns = timeout_s * 1e9 or math.inf
        self._condemn = condemn
        self._log = log
        self._who = who
        self._gauge = gauge
        self._seen: dict[int, tuple[Exchange, int, int]] = {}  # thread -> exchange, when first seen, its CPU by then
        self._look_s = min(LOOK_S, timeout_s / 2 or LOOK_S)

    def start(self, also: Callable[[], None] | None) -> None:
        """`also` is called at each look: what the loop does by itself, but not while the application holds it."""
        threading.Thread(target=self._run, args=(also,), name="watchdog", daemon=True).start()

    def _run(self, also: Callable[[], None] | None) -> None:
        while True:
            self._gauge.sleep(self._look_s)
            self.look(time.monotonic_ns())
            if also is not None:
                also()

    def look(self, now_ns: int) -> None:
        for thread, exchange in enumerate(self._dispatch.running):
            if exchange is None or exchange.cut:
                self._seen.pop(thread, None)
                continue
            seen = self._seen.get(thread)
            if seen is None or seen[0] is not exchange:
                self._seen[thread] = (exchange, now_ns, _cpu_ns(self._dispatch.idents[thread]))
            if now_ns - exchange.began_ns > self._timeout_ns:
                self._overdue(thread, exchange, now_ns)

    def _overdue(self, thread: int, exchange: Exchange, now_ns: int) -> None:
        ident = self._dispatch.idents[thread]
        frame = sys._current_frames().get(ident or 0)  # noqa: SLF001 - documented, in spite of its name
        if exchange.waits_for_client:
            self._log.info(
                "the client of %s reads too slowly for --timeout %g and was cut off",
                exchange.head.line.decode("latin-1"), self._timeout_ns / 1e9,
            )  # fmt: skip
            shut(exchange.client, socket.SHUT_RDWR)
            return
        stack = format_stack(frame) if frame is not None else "(the thread is gone)\n"
        age_s = (now_ns - exchange.began_ns) / 1e9
        if self._dispatch.running[thread] is not exchange:  # it has just ended
            return
        answered = exchange.cut_off(504)
        self._log.error(
            "request %s ran for %.1f s (limit: --timeout %g) and was %s; %s is replaced. %s. "
            "If requests may take that long, raise --timeout. It was doing this (innermost last):\n%s",
            exchange.head.line.decode("latin-1"),
            age_s,
            self._timeout_ns / 1e9,
            "answered with 504" if answered else "cut off in the middle of its response",
            self._who,
            self._use_of_time(thread, ident, now_ns),
            stack.rstrip(),
        )
        self._condemn(exchange, f"{exchange.head.line.decode('latin-1')} ran for {age_s:.1f} s (--timeout)")

    def _use_of_time(self, thread: int, ident: int | None, now_ns: int) -> str:
        _, since_ns, cpu_ns = self._seen[thread]
        wall_s = (now_ns - since_ns) / 1e9
        if wall_s <= 0:
            return "How it used its time was not seen"
        cpu_s = (_cpu_ns(ident) - cpu_ns) / 1e9
        return f"In the last {wall_s:.1f} s its thread used {cpu_s:.1f} s of CPU and waited the rest"


def _cpu_ns(ident: int | None) -> int:
    """CPU time of a thread of ours; 0 where it cannot be had (macOS, or the thread is gone)."""
    if ident is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0
    try:
        return time.clock_gettime_ns(time.pthread_getcpuclockid(ident))
    except OSError:
        return 0


def describe_worker(age: int, generation: int) -> str:
    return f"worker {age} (pid: {os.getpid()}, generation {generation})"
