"""Where the application runs: on the loop's own thread (sync), or on n threads beside it (gthread)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from time import monotonic_ns
from typing import Protocol

from tonnage.system.scoreboard import Slot
from tonnage.workers.exchange import Exchange


class Dispatch(Protocol):
    """`done` of the loop is called on the loop's thread with every exchange that was submitted."""

    @property
    def free(self) -> int: ...  # how many requests would be served at once
    def submit(self, exchange: Exchange) -> None: ...
    def collect(self) -> None: ...
    def close(self) -> None: ...


class Inline:
    """One thread: the application is called by `submit`."""

    free = 1

    def __init__(self, slot: Slot, done: Callable[[Exchange], None]) -> None:
        self._slot = slot
        self._done = done

    def submit(self, exchange: Exchange) -> None:
        slot = self._slot
        began = monotonic_ns()
        slot.begin(0, began, exchange.head.line)
        exchange.perform()
        slot.end(0)
        exchange.ended_ns = ended = monotonic_ns()
        exchange.service_ns = ended - began
        self._done(exchange)

    def collect(self) -> None:
        """Nothing is ever left to collect."""

    def close(self) -> None:
        """No thread to end."""


class Pool:
    """`threads` threads take exchanges from one queue; the loop is woken through `fileno()` when it sleeps."""

    def __init__(self, threads: int, slot: Slot, done: Callable[[Exchange], None]) -> None:
        self.free = threads
        self.sleeping = False  # the loop is in poll(); set by the loop
        self._slot = slot
        self._done = done
        self._jobs: SimpleQueue[Exchange | None] = SimpleQueue()
        self._answered: deque[Exchange] = deque()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._threads = [
            Thread(target=self._serve, args=(number,), name=f"app-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def fileno(self) -> int:
        return self._wake_read

    @property
    def answered(self) -> bool:
        return bool(self._answered)

    def submit(self, exchange: Exchange) -> None:
        self.free -= 1
        exchange.queued_ns = monotonic_ns()
        self._jobs.put(exchange)

    def woken(self) -> None:
        """Empty the wake-up pipe."""
        with suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    def collect(self) -> None:
        while self._answered:
            exchange = self._answered.popleft()
            self.free += 1
            self._done(exchange)

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(None)

    def _serve(self, number: int) -> None:
        slot = self._slot
        while (exchange := self._jobs.get()) is not None:
            began = monotonic_ns()
            exchange.waited_ns = began - exchange.queued_ns
            slot.begin(number, began, exchange.head.line)
            exchange.perform()
            slot.end(number)
            exchange.ended_ns = ended = monotonic_ns()
            exchange.service_ns = ended - began
            self._answered.append(exchange)
            if self.sleeping:
                self.sleeping = False  # one wake-up is enough for all that is answered until the loop looks
                os.write(self._wake_write, b"\1")
