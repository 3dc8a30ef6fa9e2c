"""The loop of the sync and gthread workers: it moves octets, frames requests and hands them to the application.

It never waits for a client: heads and contents are read here, whatever a client is slow to take is flushed here, and
the application only ever sees a request that is whole. With one thread the application runs on this loop, and while it
runs nothing is accepted (a sibling does); with more, see pool.py, the loop accepts only while a thread is free.
Deadlines are looked at once a second: none of them is a matter of milliseconds.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Sequence
from time import monotonic, monotonic_ns, time
from typing import BinaryIO

from tonnage.app.wsgi import Environ
from tonnage.errors import RemoteProtocolError
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.observe.access import AccessLog
from tonnage.system.baton import Baton
from tonnage.system.scoreboard import Cell, Slot
from tonnage.workers.client import Client, Door, Peer, Phase, SideDoor
from tonnage.workers.clients import Clients
from tonnage.workers.content import Content
from tonnage.workers.exchange import Exchange, Tools
from tonnage.workers.keepalive import SLOW_NS, KeepAlive
from tonnage.workers.leaving import IDLE_S, Leaving
from tonnage.workers.mailbox import Mailbox
from tonnage.workers.overload import RETRY_AFTER_S, waited_at_proxy_s, waited_in_socket_s
from tonnage.workers.poller import READ, WRITE, Poller
from tonnage.workers.pool import Dispatch, Inline, Pool
from tonnage.workers.reception import Reception
from tonnage.workers.relief import Relief
from tonnage.workers.rules import Rules

RECEIVE = 65536  # octets asked of one recv(2)
TICK_S = 1.0
FLUSH_S = 0.05  # a busy worker gathers lines of the access log for so long: one write(2) for many
TURNED_AWAY = 256  # connections refused in one tick, when every worker is full
NO_ENVIRON: Environ = {}


class Loop:
    def __init__(
        self, poller: Poller, doors: Sequence[Door], tools: Tools, rules: Rules, slot: Slot, threads: int, baton: Baton,
        access: AccessLog | None = None,
    ) -> None:  # fmt: skip
        self._clients = Clients(poller, slot)
        self.finished = False
        self.poller = poller
        self.tools = tools
        self._others: dict[int, Callable[[], None]] = {}
        self._rules = rules
        self._baton = baton
        self._timeouts = rules.timeouts
        self._queue_timeout = rules.queue_timeout
        self._slot = slot
        self._keepalive = KeepAlive(allowed=rules.timeouts.keepalive > 0)
        self._mailbox = Mailbox()
        self._pool = Pool(threads, slot, self._completed_elsewhere, self._mailbox) if threads > 1 else None
        self._inline = Inline(slot, self._completed) if threads == 1 else None
        self._reception = Reception(
            [*doors, SideDoor(baton, doors)], poller, has_room=self._has_room, welcome=self._welcome, log=tools.log,
        )  # fmt: skip
        dispatch = self._pool or self._inline
        assert dispatch is not None
        self.dispatch: Dispatch = dispatch
        self._leaving: Leaving | None = None
        self._recycle_at = rules.max_requests
        self._next_tick = 0.0
        self._access = access
        self._flush_at = 0.0
        self._now = monotonic()
        self.watch(self._mailbox.fileno(), self._mailbox.woken)

    def watch(self, fd: int, react: Callable[[], None]) -> None:
        """Call `react` when `fd` is readable."""
        self._others[fd] = react
        self.poller.register(fd, READ)

    def unwatch(self, fd: int) -> None:
        del self._others[fd]
        self.poller.unregister(fd)

    def run(self) -> None:
        """Until drained or told to quit."""
        clients = self._clients.open
        if self._inline is not None:
            self._inline.turn.acquire()
            self._relief(self._inline).start()
        self._review()  # or the first sleep would not hear who comes
        while not self.finished:
            for fd, _ in self._wait():
                client = clients.get(fd)
                if client is not None:
                    self._attend(client)
                elif fd in self._reception.doors:
                    self._reception.accept(self._reception.doors[fd])
                elif fd in self._others:
                    self._others[fd]()
            self._end_turn()
        self.dispatch.close()

    def _relief(self, inline: Inline) -> Relief:
        return Relief(inline, self._clients, self._reception, self.poller, self._baton, self._rules.siblings)

    def drain(self, grace_s: float, delay_s: float = 0.0, *, serve_queue: bool = False) -> None:
        """Leave, as leaving.py says; then `run` returns."""
        if self._leaving is not None:
            return
        now = monotonic()
        self._leaving = Leaving(now, grace_s, delay_s, serve_queue=serve_queue)
        for client in self._clients.open.values():
            if client.phase in (Phase.KEPT, Phase.FRESH):
                client.deadline = min(client.deadline or math.inf, now + delay_s + IDLE_S)

    def condemn(self, exchange: Exchange) -> None:
        """Its thread will not come back: end when the others are done. Its descriptor stays open as long as we live."""
        self._clients.give_up(exchange.client)
        self._slot.count(int(exchange.status[:3] or 499), exchange.service_ns, exchange.sent)
        self.drain(math.inf)

    def is_stuck_with(self, exchange: Exchange) -> bool:
        """The application runs on the loop's own thread, and this is what it runs."""
        return self._pool is None and self.dispatch.running[0] is exchange

    def post(self, action: Callable[[], None]) -> None:
        """From any thread: call `action` on the loop's."""
        self._mailbox.post(action)

    def quit(self) -> None:
        self.finished = True

    def close(self) -> None:
        self._clients.close_all()

    # -- one turn --------------------------------------------------------------------------------------------------

    def _wait(self) -> list[tuple[int, int]]:
        mailbox = self._mailbox
        mailbox.sleeping = True
        patience_s = FLUSH_S if self._access is not None and self._access.pending else TICK_S
        events = self.poller.poll(0.0 if mailbox else patience_s)
        mailbox.sleeping = False
        return events

    def _end_turn(self) -> None:
        self._mailbox.deliver()
        requests = self._slot.cells[5]  # Cell.REQUESTS
        if requests >= self._recycle_at:
            self._recycle_at = math.inf
            self._rules.recycle(f"it has answered {requests} requests (--max-requests)")
        self._now = monotonic()
        self._review()
        if self._now >= self._next_tick:
            self._tick()
            self._next_tick = self._now + TICK_S
        if self._leaving is not None and not self._clients.open and not self._leaving.listens(self._now):
            self.finished = True
        log = self._access
        if log is not None and log.pending and (self.finished or self._now >= self._flush_at):
            log.flush()
            self._flush_at = self._now + FLUSH_S

    def _review(self) -> None:
        leaving = self._leaving
        if leaving is not None and leaving.listens(self._now) and self._reception.nobody_waits():
            leaving.queue_is_empty(self._now)
        self._reception.review(self._now, closing=leaving is not None and not leaving.listens(self._now))

    def _tick(self) -> None:
        self._slot.cells[Cell.BEAT_NS] = monotonic_ns()
        now = self._now
        for client in [client for client in self._clients.open.values() if 0 < client.deadline <= now]:
            self._overdue(client)

        self._look_around()
        if self._is_full() and self._leaving is None and self._rules.siblings.are_full(self._rules.connections):
            for door, fd in self._reception.take(TURNED_AWAY):
                self._turn_away(door, fd)

    def _look_around(self) -> None:
        siblings = self._rules.siblings.exist()
        self._keepalive.siblings = self._reception.siblings = siblings

    def _overdue(self, client: Client) -> None:
        """Its time is up, unless octets wait in its socket: then it was in time, and we were busy."""
        deadline = client.deadline
        self._attend(client)
        if client.phase is Phase.CLOSED or client.deadline != deadline:
            return
        if client.phase in (Phase.HEAD, Phase.CONTENT):
            self._refuse(client, 408)
        else:
            self._clients.close(client)

    # -- clients ---------------------------------------------------------------------------------------------------

    def _is_full(self) -> bool:
        return len(self._clients.open) >= self._rules.connections

    def _has_room(self) -> bool:
        return self.dispatch.free > 0 and len(self._clients.open) < self._rules.connections

    def _turn_away(self, door: Door, fd: int) -> None:
        """Every worker has as many connections as it may: an honest 503 instead of a wait without end."""
        client = self._admit(door, fd, None)
        self._refuse(client, 503)

    def _admit(self, door: Door, fd: int, peer: Peer) -> Client:
        rules = self._rules
        trusted = rules.is_trusted(peer[0] if peer else "")
        client = Client(fd, peer, door, Connection(rules.limits, rules.policy, trusted=trusted))
        client.trusted = trusted
        client.deadline = self._after(self._timeouts.head)
        self._clients.add(client)
        return client

    def _welcome(self, door: Door, fd: int, peer: Peer) -> None:
        client = self._admit(door, fd, peer)
        self._attend(client)  # its request is often there already; if so, no epoll_ctl(2) is needed
        if client.mask < 0 and client.phase is not Phase.CLOSED:
            self._clients.watch(client, READ)

    def _attend(self, client: Client) -> None:
        """Something happened on the connection."""
        phase = client.phase
        if phase is Phase.FLUSH:
            self._flush(client)
            return
        if phase is Phase.APP:  # pipelined, or gone: looked at when this request is answered
            self._clients.ignore(client)
            return
        if phase is Phase.CLOSED:
            return
        if self._queue_timeout and phase is not Phase.LINGER:
            client.lay_s = waited_in_socket_s(client.fd)
        try:
            data = os.read(client.fd, RECEIVE)
        except BlockingIOError:
            return
        except OSError:  # reset by the client: nobody is left to answer
            self._clients.close(client)
            return
        if phase is Phase.LINGER:
            if not data:
                self._clients.close(client)
        elif data or phase in (Phase.HEAD, Phase.CONTENT):
            client.http.receive(data)
            self._advance(client)
        else:
            self._clients.close(client)

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
                self._clients.watch(client, READ)
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
            if client.http.wants_continue() and not self._clients.write(client, client.http.continue_()):
                return
        elif not client.http.idle and client.phase is not Phase.HEAD:
            client.phase = Phase.HEAD
            client.deadline = self._after(self._timeouts.head)
        self._clients.watch(client, READ)

    def _submit(self, client: Client, head: RequestHead, content: BinaryIO) -> None:
        exchange = Exchange(client, head, content, self.tools)
        exchange.close = self._leaving is not None or not self._keepalive.offered(self._now)
        if self._queue_timeout and self._waited_s(client, head) > self._queue_timeout:
            self._refuse(client, 503)
            return
        client.phase = Phase.APP
        client.deadline = 0.0
        self.dispatch.submit(exchange)

    @staticmethod
    def _waited_s(client: Client, head: RequestHead) -> float:
        """Before it came to us; what it waits for a thread is added there."""
        return max(client.lay_s, waited_at_proxy_s(head, time()) if client.trusted else 0.0)

    def _completed(self, exchange: Exchange) -> None:
        """The application is done with it; what the client has not taken yet is ours."""
        client = exchange.client
        self._now = exchange.ended_ns / 1e9
        self._slot.count(int(exchange.status[:3] or 499), exchange.service_ns, exchange.sent)
        held_up_ns = exchange.waited_ns if self._pool else exchange.service_ns
        if held_up_ns > SLOW_NS:
            self._keepalive.held_up(self._now)
        if self._rules.witness is not None and not exchange.cut:
            self._rules.witness.answered(exchange)
        exchange.environ = NO_ENVIRON  # it holds our early_hints: a cycle would wait for the collector
        if client.content is not None:
            client.content.close()
            client.content = None
        client.keep = not exchange.close and client.http.keep_alive
        if client.out is not None:
            client.phase = Phase.FLUSH
            client.deadline = self._after(self._timeouts.write)
            self._clients.watch(client, WRITE)
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
            self._clients.close(client)
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
        client.deadline = self._now + (IDLE_S if self._leaving is not None else self._timeouts.keepalive)

    def _refuse(self, client: Client, problem: RemoteProtocolError | int) -> None:
        octets = client.http.refuse(problem, RETRY_AFTER_S if problem == 503 else None, date=self.tools.date())
        status = octets[9 : octets.index(b"\r\n")].decode()
        self.tools.log.debug("refused a request of %s with %s: %s", client.peer, status, problem)
        self._slot.count(int(status[:3]), 0, 0)
        if self._rules.witness is not None:
            self._rules.witness.refused(client, status, len(octets) - octets.index(b"\r\n\r\n") - 4)
        if self._clients.write(client, octets):
            self._clients.linger(client, self._now)

    def _hang_up(self, client: Client) -> None:
        """A client that asked for the close sends nothing more; any other may be sending at this moment."""
        asked = client.head is not None and not client.head.keep_alive and client.head.method != "CONNECT"
        if asked and not client.http.dropped:
            self._clients.close(client)
        else:
            self._clients.linger(client, self._now)

    def _after(self, seconds: float) -> float:
        return self._now + seconds if seconds > 0 else 0.0
