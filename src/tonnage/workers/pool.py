"""Where the application runs: on the loop's own thread (sync), or on n threads beside it (gthread)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread, get_ident
from time import monotonic_ns
from typing import Protocol

from tonnage.system.scoreboard import Slot
from tonnage.workers.exchange import Exchange
from tonnage.workers.mailbox import Mailbox


class Dispatch(Protocol):
    """`done` of the loop is called on the loop's thread with every exchange that was submitted."""

    @property
    def free(self) -> int: ...  # how many requests would be served at once
    @property
    def running(self) -> Sequence[Exchange | None]: ...  # by thread: what the application has now
    @property
    def idents(self) -> Sequence[int | None]: ...  # of the threads
    def submit(self, exchange: Exchange) -> None: ...
    def close(self) -> None: ...


class Inline:
    """One thread: the application is called by `submit`. Whoever holds `turn` may touch what is the loop's."""

    free = 1

    def __init__(self, slot: Slot, done: Callable[[Exchange], None]) -> None:
        self.running: list[Exchange | None] = [None]
        self.idents = [get_ident()]
        self.turn = Lock()
        self.served = 0
        self._slot = slot
        self._done = done

    def submit(self, exchange: Exchange) -> None:
        slot = self._slot
        exchange.began_ns = began = monotonic_ns()
        slot.begin(0, began, exchange.head.line)
        self.running[0] = exchange
        self.turn.release()
        exchange.perform()
        self.running[0] = None
        exchange.ended_ns = ended = monotonic_ns()
        exchange.service_ns = ended - began
        self.turn.acquire()
        self.served += 1
        slot.end(0)
        self._done(exchange)

    def close(self) -> None:
        """No thread to end."""


class Pool:
    """`threads` threads take exchanges from one queue; what they have answered is posted to the loop.

    They are daemons, so that one that is stuck does not keep the process; but threads inherit that from who starts
    them, and those of the application are waited for at the end as in any program.
    """

    def __init__(self, threads: int, slot: Slot, done: Callable[[Exchange], None], mailbox: Mailbox) -> None:
        self.free = threads
        self.running: list[Exchange | None] = [None] * threads
        self._slot = slot
        self._done = done
        self._mailbox = mailbox
        self._jobs: SimpleQueue[Exchange | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._serve, args=(number,), name=f"app-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def idents(self) -> list[int | None]:
        return [thread.ident for thread in self._threads]

    def submit(self, exchange: Exchange) -> None:
        self.free -= 1
        exchange.queued_ns = monotonic_ns()
        self._jobs.put(exchange)

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(None)

    def cancel_queued(self) -> Iterator[Exchange]:
        """Those that no thread has taken up; for when no thread ever will."""
        with suppress(Empty):
            while True:
                exchange = self._jobs.get_nowait()
                if exchange is not None:
                    yield exchange

    def _answered(self, exchange: Exchange) -> None:
        self.free += 1
        self._done(exchange)

    def _serve(self, number: int) -> None:
        current_thread()._daemonic = False  # type: ignore[attr-defined]  # noqa: SLF001  # see `Pool`
        slot = self._slot
        while (exchange := self._jobs.get()) is not None:
            exchange.began_ns = began = monotonic_ns()
            exchange.waited_ns = began - exchange.queued_ns
            slot.begin(number, began, exchange.head.line)
            self.running[number] = exchange
            exchange.perform()
            self.running[number] = None
            slot.end(number)
            exchange.ended_ns = ended = monotonic_ns()
            exchange.service_ns = ended - began
            self._mailbox.post(partial(self._answered, exchange))
