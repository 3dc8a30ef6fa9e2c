"""The loop of the sync and gthread workers: it waits, and lets happen what became possible.

It never waits for a client: heads and contents are read by it, whatever a client is slow to take is flushed by it, and
the application only ever sees a request that is whole. With one thread the application runs on this loop, and while it
runs nothing is accepted (a sibling does); with more, see pool.py, the loop accepts only while a thread is free.
Deadlines are looked at once a second: none of them is a matter of milliseconds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from time import monotonic, monotonic_ns

from tonnage.observe.access import AccessLog
from tonnage.system.baton import Baton
from tonnage.system.scoreboard import Cell, Slot
from tonnage.workers.client import Entrance
from tonnage.workers.desk import Desk
from tonnage.workers.exchange import Exchange, Tools
from tonnage.workers.leaving import IDLE_S, Leaving
from tonnage.workers.mailbox import Mailbox
from tonnage.workers.poller import READ, Poller
from tonnage.workers.pool import Dispatch
from tonnage.workers.reception import Reception
from tonnage.workers.relief import Relief
from tonnage.workers.rules import Rules

TICK_S = 1.0
FLUSH_S = 0.05  # a busy worker gathers lines of the access log for so long: one write(2) for many
TURNED_AWAY = 256  # connections refused in one tick, when every worker is full

MakeDesk = Callable[[Poller, Tools, Rules, Slot, int, Mailbox], Desk]


class Loop:
    def __init__(
        self, poller: Poller, entrances: Sequence[Entrance], tools: Tools, rules: Rules, slot: Slot, threads: int,
        baton: Baton | None, access: AccessLog | None = None, make_desk: MakeDesk = Desk,
    ) -> None:  # fmt: skip
        """`baton`: to pass connections on by; None where they cannot change their worker."""
        self.finished = False
        self._poller = poller
        self._rules = rules
        self._slot = slot
        self._mailbox = Mailbox()
        self._desk = desk = make_desk(poller, tools, rules, slot, threads, self._mailbox)
        self._reception = Reception(
            entrances, poller, has_room=desk.has_room, welcome=desk.welcome, log=tools.log,
            crowd=slot.waited,
        )  # fmt: skip
        self._relief: Relief | None = None
        if desk.inline is not None and baton is not None:
            self._relief = Relief(desk.inline, desk.clients, self._reception, poller, baton, rules.siblings)
        self._others: dict[int, Callable[[], None]] = {}
        self._leaving: Leaving | None = None
        self._recycle_at = rules.max_requests
        self._next_tick = 0.0
        self._access = access
        self._flush_at = 0.0
        self.watch(self._mailbox.fileno(), self._mailbox.woken)

    @property
    def dispatch(self) -> Dispatch:
        return self._desk.dispatch

    def watch(self, fd: int, react: Callable[[], None]) -> None:
        """Call `react` when `fd` is readable."""
        self._others[fd] = react
        self._poller.register(fd, READ)

    def unwatch(self, fd: int) -> None:
        del self._others[fd]
        self._poller.unregister(fd)

    def run(self) -> None:
        """Until drained or told to quit."""
        os.register_at_fork(after_in_child=self._forsake)
        desk = self._desk
        clients, attend = desk.clients.open, desk.attend
        if desk.inline is not None:
            desk.inline.turn.acquire()
        if self._relief is not None:
            self._relief.start()
        self._review(monotonic())  # or the first sleep would not hear who comes
        while not self.finished:
            for fd, _ in self._wait():
                client = clients.get(fd)
                if client is not None:
                    attend(client)
                elif fd in self._reception.doors:
                    self._reception.accept(self._reception.doors[fd])
                elif fd in self._others:
                    self._others[fd]()
            self._end_turn()
        self.dispatch.close()

    def keep_doors(self, numbers: Collection[int]) -> None:
        """Listen at these alone, numbered as the listeners are, and never again at the others."""
        self._reception.keep(numbers)

    def drain(self, grace_s: float, delay_s: float = 0.0, *, serve_queue: bool = False) -> None:
        """Leave, as leaving.py says; then `run` returns. A stop may follow a recycling, and then counts."""
        if self._leaving is not None and not serve_queue:
            return
        now = monotonic()
        self._leaving = Leaving(now, grace_s, delay_s, serve_queue=serve_queue)
        self._desk.announce_leave(now + delay_s + IDLE_S)

    def condemn(self, exchange: Exchange) -> None:
        """Its thread will not come back: end when the others are done."""
        self._desk.give_up(exchange)
        self.drain(math.inf)

    def is_stuck_with(self, exchange: Exchange) -> bool:
        """The application runs on the loop's own thread, and this is what it runs."""
        return self._desk.inline is not None and self._desk.inline.running[0] is exchange

    def post(self, action: Callable[[], None]) -> None:
        """From any thread: call `action` on the loop's."""
        self._mailbox.post(action)

    def quit(self) -> None:
        self.finished = True

    def close(self) -> None:
        self._desk.clients.close_all()

    # -- one turn --------------------------------------------------------------------------------------------------

    def _wait(self) -> list[tuple[int, int]]:
        mailbox = self._mailbox
        mailbox.sleeping = True
        patience_s = FLUSH_S if self._access is not None and self._access.pending else TICK_S
        events = self._poller.poll(0.0 if mailbox else patience_s)
        mailbox.sleeping = False
        return events

    def _end_turn(self) -> None:
        self._mailbox.deliver()
        counts = self._desk.counts
        counts.publish()
        requests = counts.requests
        if requests >= self._recycle_at:
            self._recycle_at = math.inf
            self._rules.recycle(f"it has answered {requests} requests (--max-requests)")
        self._desk.now = now = monotonic()
        if self._desk.suspects:
            self._desk.suspects -= 1
        self._review(now)
        if now >= self._next_tick:
            self._tick()
            self._next_tick = now + TICK_S
        if self._leaving is not None and not self._desk.clients.open and not self._leaving.listens(now):
            self.finished = True
        log = self._access
        if log is not None and log.pending and (self.finished or now >= self._flush_at):
            log.flush()
            self._flush_at = now + FLUSH_S

    def _review(self, now: float) -> None:
        leaving = self._leaving
        if leaving is not None and leaving.listens(now) and self._reception.nobody_waits():
            leaving.queue_is_empty(now)
        if leaving is not None and not leaving.listens(now):
            self._reception.close()
        self._reception.review(now)

    def _tick(self) -> None:
        self._slot.cells[Cell.BEAT_NS] = monotonic_ns()
        desk, siblings = self._desk, self._rules.siblings
        desk.keepalive.siblings = self._reception.siblings = siblings.exist()
        desk.attend_overdue()
        if desk.is_full and self._leaving is None and siblings.are_full(self._rules.connections):
            self._make_room()

    def _make_room(self) -> None:
        """Every worker has as many connections as it may: idle ones end, else who waits is told honestly."""
        if not self._desk.close_idle():
            for door, fd, peer in self._reception.take(TURNED_AWAY):
                self._desk.turn_away(door, fd, peer)

    def _forsake(self) -> None:
        """In a child that the application has forked: a connection ends only when every copy of it is closed."""
        self._desk.clients.forsake()
        self._poller.close()
        for fd in [*self._reception.doors, *self._others]:
            with suppress(OSError):
                os.close(fd)
