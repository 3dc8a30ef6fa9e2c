"""What all connections of an asgi worker share, and what is looked at twice a second.

Who is there, what the application has, which deadlines have passed, and whether the worker keeps connections.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic, monotonic_ns, thread_time_ns, time
from typing import TYPE_CHECKING

from tonnage.app.asgi import Application, Mount, Scope
from tonnage.http.head import RequestHead
from tonnage.observe.access import AccessLog
from tonnage.system.scoreboard import Cell, Slot
from tonnage.workers import witness
from tonnage.workers.asyncio.eager import starter
from tonnage.workers.asyncio.exchange import APPLICATION, DOWNLOAD, UPLOAD, Exchange
from tonnage.workers.asyncio.protocol import Client
from tonnage.workers.asyncio.shell import Shell, Upgrade
from tonnage.workers.asyncio.stacks import describe
from tonnage.workers.client import Door
from tonnage.workers.counts import Counts
from tonnage.workers.exchange import DateClock
from tonnage.workers.keepalive import KeepAlive
from tonnage.workers.leaving import IDLE_S
from tonnage.workers.overload import waited_at_proxy_s
from tonnage.workers.rules import Rules

if TYPE_CHECKING:
    from tonnage.workers.asyncio.websocket import WebSocketShell

FLUSH_S = 0.05  # a busy worker gathers lines of the access log for so long: one write(2) for many
IDLE_CLOSED = 64  # idle connections closed in one tick, when there are too many

OpenShell = Callable[[Upgrade], Shell | None]  # None: it was refused


class Desk:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        application: Application,
        rules: Rules,
        slot: Slot,
        log: logging.Logger,
        mounts: Mapping[Door, Mount],
    ) -> None:
        self.loop = loop
        self.application = application
        self.rules = rules
        self.slot = slot
        self.counts = Counts(slot)
        self.log = log
        self.mounts = mounts
        self.templates: dict[Door, Scope] = {door: mount.template() for door, mount in mounts.items()}
        self.state: dict[str, object] = {}  # of the lifespan
        self.start = starter(loop)
        self.date = DateClock()
        self.before: Callable[[RequestHead], None] | None = None  # the pre_request hook
        self.access: AccessLog | None = None
        self.upgrade: OpenShell | None = None
        self.sendfile = True
        self.timeout_s = math.inf  # the application may leave its client without an octet for so long
        self.grace_s = 0.0  # and may go on for so long when its client has left
        self.concurrency = 0  # requests at once; 0: any number
        self.clients: set[Client] = set()
        self.exchanges: set[Exchange] = set()  # those that are not over with their first step
        self.conversations: set[WebSocketShell] = set()  # WebSockets whose application has not ended
        self.keepalive = KeepAlive(allowed=rules.timeouts.keepalive > 0)
        self.closing = rules.timeouts.keepalive <= 0  # every answer announces the end of its connection
        self.idle_s = rules.timeouts.keepalive
        self.is_leaving = False
        self._queue: deque[Client | None] = deque()  # see `is_next`
        self._recycle_at = rules.max_requests
        self._flushes = False  # a flush of the access log is due

    # -- coming and going ------------------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        return len(self.clients) >= self.rules.connections

    def has_room(self) -> bool:
        return len(self.clients) < self.rules.connections

    def connected(self, client: Client) -> None:
        self.clients.add(client)
        cells = self.slot.cells
        cells[7] += 1  # Cell.ACCEPTED
        cells[6] = len(self.clients)  # Cell.CONNECTIONS

    def disconnected(self, client: Client) -> None:
        self.clients.discard(client)
        self.slot.cells[6] = len(self.clients)  # Cell.CONNECTIONS

    def close_idle(self) -> bool:
        """Make room: who has been idle longest goes first. Whether there was anybody."""
        kept = [client for client in self.clients if client.is_idle]
        for client in sorted(kept, key=lambda client: client.deadline)[:IDLE_CLOSED]:
            client.overdue()
        return bool(kept)

    def announce_leave(self, idle_until: float) -> None:
        self.is_leaving = True
        self.closing = True
        self.idle_s = IDLE_S
        for client in list(self.clients):
            client.announce_leave(idle_until)

    # -- requests --------------------------------------------------------------------------------------------------

    def is_next(self, client: Client) -> None:
        """Its request is whole: the application's turn comes when what others have sent is read too.

        One call after the other, the application finds its own code in the processor's caches.
        """
        if not self._queue:
            self.loop.call_soon(self._turn)
        self._queue.append(client)

    def _turn(self) -> None:
        """Those who are there now; who is next meanwhile, in the next turn."""
        queue = self._queue
        queue.append(None)
        try:
            while (client := queue.popleft()) is not None:
                client.begin()
        finally:
            self.counts.publish()
            if queue:  # or it raised: a fault of ours, which must not be theirs
                self.loop.call_soon(self._turn)

    def is_overloaded(self, head: RequestHead, *, queued: bool) -> bool:
        """503 serves the client better than an answer. `queued`: a proxy says since when the request has waited."""
        if queued:
            waited_s = waited_at_proxy_s(head, time())
            self.slot.count_wait(int(waited_s * 1e9))
            if 0 < self.rules.queue_timeout < waited_s:
                return True
        return 0 < self.concurrency <= len(self.exchanges)

    def waits(self, exchange: Exchange) -> None:
        """The loop turns to others; whoever looks from outside, or after a crash, is to see that we have it."""
        self.exchanges.add(exchange)
        if not exchange.is_over:
            exchange.row = self.slot.suspend(exchange.began_ns, exchange.head.line)

    def no_longer_waits(self, exchange: Exchange) -> None:
        if exchange.row:
            self.slot.resume(exchange.row)
            exchange.row = 0

    def count(self, status: str, service_ns: int, sent: int) -> None:
        """One request is answered. Published with all of its turn, or at once when it was answered later."""
        self.counts.count(status, service_ns, sent)
        if not self._queue:
            self.counts.publish()

    def witnessed(self, exchange: Exchange) -> None:
        """It is answered, or will not be."""
        self.no_longer_waits(exchange)
        service_ns = exchange.service_ns
        self.count(exchange.status, service_ns, exchange.sent)
        if exchange.first_ns:
            self.slot.count_parts(service_ns, exchange.first_ns - exchange.began_ns)
        self.tell(exchange)

    def tell(self, exchange: witness.Exchange) -> None:
        """Who wants to know of each request."""
        if self.rules.witness is not None:
            self.rules.witness.answered(exchange)
            if not self._flushes:
                self.flush_soon()
        requests = self.counts.requests
        if requests >= self._recycle_at:
            self._recycle_at = math.inf
            self.rules.recycle(f"it has answered {requests} requests (--max-requests)")

    def flush_soon(self) -> None:
        """A line of the access log was written."""
        if self.access is not None and not self._flushes:
            self._flushes = True
            self.loop.call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._flushes = False
        if self.access is not None:
            self.access.flush()

    # -- twice a second --------------------------------------------------------------------------------------------

    def tick(self, late_ns: int) -> None:
        """`late_ns`: how late it is, since the loop was held."""
        now = monotonic()
        self.keepalive.siblings = self.rules.siblings.exist()
        if late_ns > 50_000_000:
            self.keepalive.held_up(now)
        self.closing = self.is_leaving or not self.keepalive.offered(now)
        for client in [client for client in self.clients if 0 < client.deadline <= now]:
            client.overdue()
        for client in [client for client in self.clients if client.shell is not None]:
            if client.shell is not None:
                client.shell.tick(now)
        cells = self.slot.cells
        cells[Cell.LAG_NS] = max(late_ns, cells[Cell.LAG_NS] // 2)  # a peak is seen for a while
        cells[Cell.LOOP_BUSY_NS] = thread_time_ns()
        cells[Cell.IN_FLIGHT] = sum(not exchange.is_over for exchange in self.exchanges)
        now_ns = monotonic_ns()
        for exchange in list(self.exchanges):
            self._look_at(exchange, now_ns)

    def _look_at(self, exchange: Exchange, now_ns: int) -> None:
        if exchange.is_over:
            return
        silent_s = (now_ns - exchange.touched_ns) / 1e9
        timeouts = self.rules.timeouts
        if exchange.waits == APPLICATION:
            if silent_s > self.timeout_s:
                self._cut_off(exchange, now_ns)
        elif exchange.waits == UPLOAD:
            if 0 < timeouts.content < silent_s:
                exchange.cut_off(408)
        elif exchange.waits == DOWNLOAD:
            size = exchange.client.unsent()
            if size != exchange.size:
                exchange.size, exchange.touched_ns = size, now_ns
            elif 0 < timeouts.write < silent_s:
                self.log.info(
                    "the client took nothing for %.0fs (--write-timeout) at %s", timeouts.write, exchange.where()
                )
                exchange.cut_off(408)

    def _cut_off(self, exchange: Exchange, now_ns: int) -> None:
        stack = describe(exchange.task)
        answered = exchange.cut_off(504)
        self.log.error(
            "request %s ran for %.1f s and sent nothing for %g s (--timeout); it was %s, and its task is cancelled. "
            "If requests may take that long, raise --timeout. It waited here (innermost last):\n%s",
            exchange.where(),
            (now_ns - exchange.began_ns) / 1e9,
            self.timeout_s,
            "answered with 504" if answered else "cut off in the middle of its response",
            stack.rstrip(),
        )
