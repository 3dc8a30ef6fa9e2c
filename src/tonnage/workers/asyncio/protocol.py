"""One connection of the asgi worker: octets become requests, requests are answered in their order, and both end.

The same promises as desk.py makes for the threaded workers, on an asyncio transport, which does the writing. A request
that asks for a WebSocket leaves with the connection, see `Shell`.
"""

from __future__ import annotations

import asyncio
import math
from asyncio import Future
from time import monotonic, monotonic_ns
from typing import TYPE_CHECKING, Final, cast

from tonnage.app.asgi import PLAIN_EXTENSIONS, Told, http_scope, tell
from tonnage.errors import RemoteProtocolError
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.system.outgoing import unacknowledged
from tonnage.system.tls import extension
from tonnage.workers.asyncio.calls import perform
from tonnage.workers.asyncio.exchange import Exchange
from tonnage.workers.asyncio.shell import Shell, Upgrade
from tonnage.workers.client import Door, Peer
from tonnage.workers.overload import RETRY_AFTER_S

if TYPE_CHECKING:
    from tonnage.workers.asyncio.desk import Desk

# What the connection is doing, and what its deadline is for
FRESH: Final = 0  # accepted, not an octet yet
KEPT: Final = 1  # between two requests
HEAD: Final = 2
APP: Final = 3  # the exchange has deadlines of its own
CLOSING: Final = 4  # the last octets are on their way
LINGER: Final = 5  # we said the last word; what still comes is read away, so that no reset overtakes our answer

LINGER_S = 2.0
MOST_UNREAD = 64 * 1024  # octets that wait for the application, or pipelined ones, before the client has to


class Client:
    __slots__ = (
        "_drained", "_eof", "_problem", "_stalls_at", "_stopped", "_told", "_unsent", "deadline", "desk", "door",
        "exchange", "http", "is_encrypted", "lost", "paused", "phase", "shell", "sock_peer", "template", "transport",
        "trusted",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, desk: Desk, door: Door, peer: Peer, problem: RemoteProtocolError | int | None = None) -> None:
        """`problem`: why it will be refused, whatever it asks for."""
        rules = desk.rules
        self._problem = problem
        self.desk = desk
        self.door = door
        self.sock_peer = peer
        self.trusted = rules.is_trusted(peer[0] if peer else "")
        self.http = Connection(rules.limits, rules.policy, trusted=self.trusted)
        self.phase = FRESH
        self.deadline = 0.0  # CLOCK_MONOTONIC seconds; 0: none
        self.exchange: Exchange | None = None
        self.shell: Shell | None = None
        self.paused = False  # the client does not take what we write
        self.lost = False
        self.is_encrypted = False
        self.template = desk.templates[door]
        self._told: Told | None = None
        self._unsent = 0  # as last looked at, when its deadline had passed
        self._stalls_at = 0.0
        self._stopped = False  # reading
        self._eof = False
        self._drained: list[Future[None]] = []

    @property
    def peer(self) -> Peer:
        """Who is behind the proxies that are trusted, as far as the last request says."""
        if self._told is None:
            return self.sock_peer
        return cast("Peer", self._told.template["client"])

    @property
    def is_idle(self) -> bool:
        return self.phase == KEPT and not self.unsent()

    # -- what the transport tells ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        session = transport.get_extra_info("ssl_object")
        if session is not None:
            self.is_encrypted = True
            extensions = {**PLAIN_EXTENSIONS, "tls": extension(session)}
            self.template = {**self.template, "scheme": "https", "extensions": extensions}
        if self.template["server"] is None:  # the listener has every address of this machine
            self.template = {**self.template, "server": transport.get_extra_info("sockname")[:2]}
        self._set_deadline(self.desk.rules.timeouts.head)
        self.desk.connected(self)
        if self._problem is not None:
            self.refuse(self._problem)

    def data_received(self, data: bytes) -> None:
        if self.shell is not None:
            self.shell.data_received(data)
            return
        if self.phase >= CLOSING:
            return
        http = self.http
        http.receive(data)
        self.desk.slot.cells[15] += len(data)  # Cell.RECEIVED
        exchange = self.exchange
        if exchange is None:
            self.advance()
            return
        exchange.fed()
        self._want_no_more()

    def eof_received(self) -> bool | None:
        """Nothing more comes. A client may still wait for its answer; True keeps our half open."""
        if self.shell is not None:
            return self.shell.eof_received()
        if self.is_encrypted or self.phase in {FRESH, CLOSING, LINGER}:
            return False
        if self.phase == KEPT and not self.http.buffered:
            return False
        self._eof = True
        self.http.receive(b"")
        if self.exchange is None:
            self.advance()
            return self.phase != CLOSING
        self.exchange.leave()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.phase = CLOSING
        self.deadline = 0.0
        self.resume_writing()
        if self.shell is not None:
            self.shell.connection_lost(exc)
        if self.exchange is not None:
            self.exchange.leave()
        self.desk.disconnected(self)

    def pause_writing(self) -> None:
        self.paused = True
        if self.shell is not None:
            self.shell.pause_writing()

    def resume_writing(self) -> None:
        self.paused = False
        for waiter in self._drained:
            if not waiter.done():
                waiter.set_result(None)
        self._drained.clear()
        if self.shell is not None:
            self.shell.resume_writing()
        elif self.phase == KEPT:
            self._set_deadline(self.desk.idle_s)
            self.advance()
            self.want_more()

    def await_room(self) -> Future[None] | None:
        """Done when the client has taken enough; None: it has, or has left."""
        if not self.paused or self.lost:
            return None
        waiter = self.desk.loop.create_future()
        self._drained.append(waiter)
        return waiter

    def want_more(self) -> None:
        if self._stopped and self.http.buffered <= MOST_UNREAD and not self.lost:
            self._stopped = False
            self.transport.resume_reading()

    def _want_no_more(self) -> None:
        if self.http.buffered > MOST_UNREAD and not self._stopped:
            self._stopped = True
            self.transport.pause_reading()

    # -- requests --------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Frame what has come; the application's turn is `begin`, soon."""
        if self.exchange is not None or self.phase >= CLOSING:
            return
        if self.paused and self.phase == KEPT:  # who does not take one answer is not given the next
            self._want_no_more()
            return
        try:
            head = self.http.next()
            if head is not None:
                assert isinstance(head, RequestHead)
                self._serve(head)
            elif self.phase != HEAD and not self.http.idle:
                self.phase = HEAD
                self._set_deadline(self.desk.rules.timeouts.head)
        except RemoteProtocolError as exc:
            self.refuse(exc)

    def _serve(self, head: RequestHead) -> None:
        desk = self.desk
        told = self._told
        if told is None or told.fields is not head.fields:
            trusts = desk.rules.is_trusted if self.trusted else None
            told = self._told = tell(head, desk.mounts[self.door], self.template, self.sock_peer, trusts)
        scope = http_scope(head, told, desk.state)
        if told.upgrades and desk.upgrade is not None and head.method == "GET" and head.minor:
            if self._may_begin(head, told):
                self._upgrade(Upgrade(self, self.transport, head, scope, self.http.take_over()))
            return
        self.exchange = Exchange(self, head, scope, monotonic_ns())
        self.phase = APP
        self.deadline = 0.0
        desk.is_next(self)

    def _may_begin(self, head: RequestHead, told: Told) -> bool:
        """Else it was refused."""
        desk = self.desk
        if (told.queued or desk.concurrency) and desk.is_overloaded(head, queued=told.queued):
            self.exchange = None
            self.refuse(503)
            return False
        return True

    def begin(self) -> None:
        """The application's turn."""
        desk, exchange, told = self.desk, self.exchange, self._told
        if exchange is None or told is None or not self._may_begin(exchange.head, told):
            return
        desk.slot.begin(0, exchange.began_ns, exchange.head.line)
        task = desk.start(perform(exchange))
        desk.slot.end(0)
        if not task.done():
            exchange.task = task
            desk.waits(exchange)
            if self._eof:
                exchange.leave()
            if exchange.head.has_body or self._eof:
                self._want_no_more()

    def _upgrade(self, upgrade: Upgrade) -> None:
        assert self.desk.upgrade is not None
        self.phase = APP
        self.deadline = 0.0
        self.shell = self.desk.upgrade(upgrade)

    def done(self, *, linger: bool) -> None:
        """From a shell: it has nothing more to say. `linger`: the client may not know, and send on."""
        self.shell = None
        if self.lost:
            return
        if linger:
            self._linger()
        else:
            self._close()

    def answered(self, exchange: Exchange) -> None:
        """Its response is complete; the application may still have something to do."""
        desk = self.desk
        self.exchange = None
        desk.witnessed(exchange)
        http = self.http
        if not http.keep_alive:
            self._hang_up(exchange.head)
            return
        self.phase = KEPT
        self.deadline = exchange.ended_ns / 1e9 + (0.0 if self.paused else desk.idle_s)
        self._unsent = 0
        if http.buffered:
            self.advance()
        elif self._eof:
            self._close()
        self.want_more()

    def cut_short(self, exchange: Exchange) -> None:
        """Its response will not be complete."""
        desk = self.desk
        self.exchange = None
        desk.witnessed(exchange)
        if self.lost:
            return
        if self.paused or self.is_encrypted:  # over TLS a goodbye would say that it was complete
            self.transport.abort()
        else:
            self._close()

    def refuse(self, problem: RemoteProtocolError | int) -> None:
        """Answer without the application, and end the connection."""
        desk, exchange = self.desk, self.exchange
        octets = self.http.refuse(problem, RETRY_AFTER_S if problem == 503 else None, date=desk.date())
        if not octets or self.lost:
            if exchange is not None:
                exchange.abandon()
            elif self.phase < CLOSING:  # what has begun cannot be completed, and nobody else would end it
                self.transport.abort()
            return
        status = octets.partition(b"\r\n")[0].removeprefix(b"HTTP/1.1 ").decode()
        sent = len(octets) - octets.index(b"\r\n\r\n") - 4
        self.transport.write(octets)
        if exchange is None:
            desk.log.debug("refused a request of %s with %s: %s", self.sock_peer, status, problem)
            desk.count(status, 0, 0)
            if desk.rules.witness is not None:
                desk.rules.witness.refused(self, status, sent)
                desk.flush_soon()
        else:
            self.exchange = None
            exchange.cut = True
            exchange.status, exchange.sent, exchange.fields = status, sent, []
            exchange.ended_ns = monotonic_ns()
            exchange.service_ns = exchange.ended_ns - exchange.began_ns
            desk.witnessed(exchange)
        self._linger()

    # -- its end ---------------------------------------------------------------------------------------------------

    def announce_leave(self, idle_until: float) -> None:
        if self.shell is not None:
            self.shell.drain()
        elif self.phase in {FRESH, KEPT}:
            self.deadline = min(self.deadline or idle_until, idle_until)

    def overdue(self) -> None:
        """Its deadline has passed. What is left of an answer is not cut off while the client goes on taking it."""
        if self.phase == HEAD:
            self.refuse(408)
            return
        left, self._unsent = self._unsent, self.unsent()
        if self._unsent:
            self._await_taking(has_moved=self._unsent != left)
        elif left:  # all is taken now, and here the time begins that it has for what comes next
            self._set_deadline(self.desk.idle_s if self.phase == KEPT else LINGER_S)
        elif self.phase == CLOSING or (self.phase == LINGER and not self.is_encrypted):
            self.transport.abort()
        else:
            self._close()

    def unsent(self) -> int:
        """Octets that the client has not taken. What TLS has encrypted is seen in the kernel alone."""
        size = self.transport.get_write_buffer_size()
        if self.is_encrypted:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:  # it goes a turn before we are told
                size += unacknowledged(sock.fileno())
        return size

    def _await_taking(self, *, has_moved: bool) -> None:
        now, limit = monotonic(), self.desk.rules.timeouts.write
        if has_moved:
            self._stalls_at = now + (limit or math.inf)
        elif now >= self._stalls_at:
            self.desk.log.info(
                "the client %s took nothing of what was left for it for %.0fs (--write-timeout)", self.sock_peer, limit
            )
            self.transport.abort()

    def _hang_up(self, head: RequestHead) -> None:
        """A client that asked for the close sends nothing more; any other may be sending at this moment."""
        if not head.keep_alive and head.method != "CONNECT" and not self.http.dropped:
            self._close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Close only the sending half: closing with unread octets resets, and a reset may overtake our answer."""
        if self._eof:
            self._close()
            return
        self.phase = LINGER
        self._unsent = 0
        self._set_deadline(LINGER_S)
        if self.transport.can_write_eof():  # over TLS only the client can end it sooner
            self.transport.write_eof()
        if self._stopped:
            self._stopped = False
            self.transport.resume_reading()

    def _close(self) -> None:
        """When all is sent; over TLS, when the client has said goodbye too."""
        self.phase = CLOSING
        self._unsent = 0
        self._set_deadline(LINGER_S)
        self.transport.close()

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = monotonic() + seconds if seconds > 0 else 0.0
