"""The loop of the sync and gthread workers: it moves octets, frames requests and hands them to the application.

It never waits for a client: heads and contents are read here, whatever a client is slow to take is flushed here, and
the application only ever sees a request that is whole. With one thread the application runs on this loop, and while it
runs nothing is accepted (a sibling does); with more, see pool.py, the loop accepts only while a thread is free.
Deadlines are looked at once a second: none of them is a matter of milliseconds.
"""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, monotonic_ns
from typing import BinaryIO

from tonnage.app.wsgi import Environ
from tonnage.errors import RemoteProtocolError
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.http.limits import Limits, Policy
from tonnage.system.scoreboard import Cell, Slot
from tonnage.workers.client import Client, Door, Phase
from tonnage.workers.content import Content
from tonnage.workers.exchange import Exchange, Tools
from tonnage.workers.keepalive import SLOW_NS, KeepAlive
from tonnage.workers.poller import READ, WRITE, Poller
from tonnage.workers.pool import Inline, Pool
from tonnage.workers.reception import Reception
from tonnage.workers.witness import Witness

RECEIVE = 65536  # octets asked of one recv(2)
LINGER_S = 2.0  # how long we read away what a client still sends after our last word
DRAIN_IDLE_S = 1.0  # a kept connection may still bring a request for so long while draining
TICK_S = 1.0
NO_ENVIRON: Environ = {}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; 0 means for ever."""

    head: float
    content: float
    write: float
    keepalive: float


@dataclass(frozen=True, slots=True)
class Rules:
    """How this worker treats its clients."""

    timeouts: Timeouts
    limits: Limits
    policy: Policy
    connections: int
    siblings: bool
    is_trusted: Callable[[str], bool]  # the peer's address; "" on a Unix socket
    witness: Witness | None  # access log and hooks


class Loop:
    def __init__(self, poller: Poller, doors: list[Door], tools: Tools, rules: Rules, slot: Slot, threads: int) -> None:
        self.clients: dict[int, Client] = {}
        self.draining = False
        self.finished = False
        self.poller = poller
        self.tools = tools
        self._others: dict[int, Callable[[], None]] = {}
        self._turn_ends: list[Callable[[], None]] = []
        self._rules = rules
        self._timeouts = rules.timeouts
        self._slot = slot
        self._keepalive = KeepAlive(allowed=rules.timeouts.keepalive > 0, siblings=rules.siblings)
        self._pool = Pool(threads, slot, self._completed_elsewhere) if threads > 1 else None
        self._dispatch = self._pool or Inline(slot, self._completed)
        self._reception = Reception(
            doors, poller, has_room=self._has_room, welcome=self._welcome, siblings=rules.siblings, log=tools.log
        )
        self._now = monotonic()
        if self._pool is not None:
            self.watch(self._pool.fileno(), self._pool.woken)

    def watch(self, fd: int, react: Callable[[], None]) -> None:
        """Call `react` when `fd` is readable."""
        self._others[fd] = react
        self.poller.register(fd, READ)

    def at_turn_end(self, action: Callable[[], None]) -> None:
        """Call `action` before each sleep (the access log writes its lines then)."""
        self._turn_ends.append(action)

    def run(self) -> None:
        """Until drained or told to quit."""
        self._reception.review(self._now, closing=self.draining)
        next_tick = 0.0
        self._reception.review(self._now, closing=self.draining)  # or the first sleep would not hear who comes
        while not self.finished:
            for fd, _ in self._wait():
                client = self.clients.get(fd)
                if client is not None:
                    self._attend(client)
                elif fd in self._reception.doors:
                    self._reception.accept(self._reception.doors[fd])
                elif fd in self._others:
                    self._others[fd]()
            self._dispatch.collect()
            self._now = monotonic()
            self._reception.review(self._now, closing=self.draining)
            if self._now >= next_tick:
                self._tick()
                next_tick = self._now + TICK_S
            if self.draining and not self.clients:
                self.finished = True
            for action in self._turn_ends:
                action()
        self._dispatch.close()

    def drain(self) -> None:
        """Take no new connection; finish what is in flight; then `run` returns."""
        self.draining = True
        soon = monotonic() + DRAIN_IDLE_S
        for client in self.clients.values():
            if client.phase in (Phase.KEPT, Phase.FRESH):
                client.deadline = soon
        self._reception.review(self._now, closing=self.draining)

    def quit(self) -> None:
        self.finished = True

    def close(self) -> None:
        for client in list(self.clients.values()):
            self._close(client)

    # -- one turn --------------------------------------------------------------------------------------------------

    def _wait(self) -> list[tuple[int, int]]:
        pool = self._pool
        if pool is None:
            return self.poller.poll(TICK_S)
        pool.sleeping = True
        events = self.poller.poll(0.0 if pool.answered else TICK_S)
        pool.sleeping = False
        return events

    def _tick(self) -> None:
        self._slot.cells[Cell.BEAT_NS] = monotonic_ns()
        now = self._now
        for client in [client for client in self.clients.values() if 0 < client.deadline <= now]:
            self._overdue(client)

    def _overdue(self, client: Client) -> None:
        if client.phase in (Phase.HEAD, Phase.CONTENT):
            self._refuse(client, 408)
        else:
            self._close(client)

    # -- clients ---------------------------------------------------------------------------------------------------

    def _has_room(self) -> bool:
        return self._dispatch.free > 0 and len(self.clients) < self._rules.connections

    def _welcome(self, door: Door, fd: int, address: object) -> None:
        os.set_blocking(fd, False)
        rules = self._rules
        peer = (address[0], address[1]) if isinstance(address, tuple) else None  # of a Unix socket it is ""
        trusted = rules.is_trusted(peer[0] if peer else "")
        client = Client(fd, peer, door, Connection(rules.limits, rules.policy, trusted=trusted))
        client.trusted = trusted
        client.deadline = self._after(self._timeouts.head)
        self.clients[fd] = client
        cells = self._slot.cells
        cells[7] += 1  # Cell.ACCEPTED
        cells[6] = len(self.clients)  # Cell.CONNECTIONS
        self._attend(client)  # its request is often there already; if so, no epoll_ctl(2) is needed
        if client.mask < 0 and client.phase is not Phase.CLOSED:
            self._watch(client, READ)

    def _attend(self, client: Client) -> None:
        """Something happened on the connection."""
        phase = client.phase
        if phase is Phase.FLUSH:
            self._flush(client)
            return
        if phase is Phase.APP:  # pipelined, or gone: looked at when this request is answered
            self.poller.unregister(client.fd)  # a mask of nothing would still wake us for a hang-up
            client.mask = -1
            return
        if phase is Phase.CLOSED:
            return
        try:
            data = os.read(client.fd, RECEIVE)
        except BlockingIOError:
            return
        except OSError:  # reset by the client: nobody is left to answer
            self._close(client)
            return
        if phase is Phase.LINGER:
            if not data:
                self._close(client)
        elif data or phase in (Phase.HEAD, Phase.CONTENT):
            client.http.receive(data)
            self._advance(client)
        else:
            self._close(client)

    def _advance(self, client: Client) -> None:
        """Frame what has come; a request that is whole goes to the application."""
        http = client.http
        while True:
            try:
                event = http.next()
            except RemoteProtocolError as exc:
                self._refuse(client, exc)
                return
            if event is None:
                self._await_more(client)
                return
            if isinstance(event, RequestHead):
                client.head = event
                if event.has_body:
                    client.phase = Phase.CONTENT
                    client.content = Content(self.tools.directory)
                    continue
                self._submit(client, event, io.BytesIO())
            elif isinstance(event, bytes):
                if not self._collect(client, event):
                    return
                continue
            else:
                assert client.head is not None
                assert client.content is not None
                self._submit(client, client.head, client.content.open())
            if client.phase is not Phase.KEPT:
                return
            if http.idle:
                self._watch(client, READ)
                return

    def _collect(self, client: Client, piece: bytes) -> bool:
        assert client.content is not None
        try:
            client.content.add(piece)
        except OSError as exc:
            self.tools.log.error(
                "a request's content of %d octets cannot be kept: %s. Free space in the temporary directory, "
                "or name another one with --tmp-upload-dir.", client.content.length, exc.strerror,
            )  # fmt: skip
            self._refuse(client, 503)
            return False
        return True

    def _await_more(self, client: Client) -> None:
        if client.phase is Phase.CONTENT:
            client.deadline = self._after(self._timeouts.content)
            if client.http.wants_continue():
                os.write(client.fd, client.http.continue_())
        elif not client.http.idle and client.phase is not Phase.HEAD:
            client.phase = Phase.HEAD
            client.deadline = self._after(self._timeouts.head)
        self._watch(client, READ)

    def _submit(self, client: Client, head: RequestHead, content: BinaryIO) -> None:
        exchange = Exchange(client, head, content, self.tools)
        exchange.close = self.draining or not self._keepalive.offered(self._now)
        client.phase = Phase.APP
        client.deadline = 0.0
        self._dispatch.submit(exchange)

    def _completed(self, exchange: Exchange) -> None:
        """The application is done with it; what the client has not taken yet is ours."""
        client = exchange.client
        self._now = exchange.ended_ns / 1e9
        self._slot.count(int(exchange.status[:3] or 499), exchange.service_ns, exchange.sent)
        held_up_ns = exchange.waited_ns if self._pool else exchange.service_ns
        if held_up_ns > SLOW_NS:
            self._keepalive.held_up(self._now)
        if self._rules.witness is not None:
            self._rules.witness.answered(exchange)
        exchange.environ = NO_ENVIRON  # it holds our early_hints: a cycle would wait for the collector
        if client.content is not None:
            client.content.close()
            client.content = None
        client.keep = not exchange.close and client.http.keep_alive
        if client.out is not None:
            client.phase = Phase.FLUSH
            client.deadline = self._after(self._timeouts.write)
            self._watch(client, WRITE)
        elif client.keep:
            self._keep(client)
        else:
            self._hang_up(client)

    def _completed_elsewhere(self, exchange: Exchange) -> None:
        self._completed(exchange)
        if exchange.client.phase is Phase.KEPT:
            self._advance(exchange.client)

    def _flush(self, client: Client) -> None:
        assert client.out is not None
        left = client.out.size
        try:
            done = client.out.flush(client.fd)
        except OSError:
            self._close(client)
            return
        if done:
            client.out.close()
            client.out = None
            if client.keep:
                self._keep(client)
                self._advance(client)
            else:
                self._hang_up(client)
        elif client.out.size < left:
            client.deadline = self._after(self._timeouts.write)

    def _keep(self, client: Client) -> None:
        client.phase = Phase.KEPT
        client.deadline = self._now + (DRAIN_IDLE_S if self.draining else self._timeouts.keepalive)

    def _refuse(self, client: Client, problem: RemoteProtocolError | int) -> None:
        octets = client.http.refuse(problem)
        status = octets[9 : octets.index(b"\r\n")].decode()
        self.tools.log.debug("refused a request of %s with %s: %s", client.peer, status, problem)
        self._slot.count(int(status[:3]), 0, 0)
        if self._rules.witness is not None:
            self._rules.witness.refused(client, status)
        try:
            os.write(client.fd, octets)
        except OSError:  # it is closed below, whether the client heard why or not
            self._close(client)
            return
        self._linger(client)

    def _hang_up(self, client: Client) -> None:
        if client.http.idle:
            self._close(client)
        else:
            self._linger(client)

    def _linger(self, client: Client) -> None:
        """Close only the sending half: closing with unread octets resets, and a reset may overtake our answer."""
        try:
            sock = socket.socket(fileno=client.fd)
            try:
                sock.shutdown(socket.SHUT_WR)
            finally:
                sock.detach()
        except OSError:
            self._close(client)
            return
        client.phase = Phase.LINGER
        client.deadline = self._now + LINGER_S
        self._watch(client, READ)

    def _close(self, client: Client) -> None:
        client.phase = Phase.CLOSED
        self.clients.pop(client.fd, None)
        if client.mask >= 0:
            self.poller.forget(client.fd)
        os.close(client.fd)
        if client.out is not None:
            client.out.close()
        if client.content is not None:
            client.content.close()
        self._slot.cells[Cell.CONNECTIONS] = len(self.clients)

    def _watch(self, client: Client, mask: int) -> None:
        if client.mask == mask:
            return
        if client.mask < 0:
            self.poller.register(client.fd, mask)
        else:
            self.poller.modify(client.fd, mask)
        client.mask = mask

    def _after(self, seconds: float) -> float:
        return self._now + seconds if seconds > 0 else 0.0
