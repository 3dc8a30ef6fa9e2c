"""What happens to the connections of a worker: octets become requests, requests get answers, and both come to an end.

Always on the loop's thread (or on relief's, when it holds the loop's turn). Frames requests, hands them to the
application by a Dispatch, flushes what clients are slow to take, and refuses what must be refused.
"""

from __future__ import annotations

import io
import math
from time import monotonic, time
from typing import BinaryIO

from tonnage.app.wsgi import Environ
from tonnage.errors import RemoteProtocolError
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.http.state import End
from tonnage.system.scoreboard import Slot
from tonnage.workers.client import Client, Door, Peer, Phase
from tonnage.workers.clients import Clients
from tonnage.workers.content import Content
from tonnage.workers.counts import Counts
from tonnage.workers.exchange import Exchange, Tools
from tonnage.workers.keepalive import SLOW_NS, KeepAlive
from tonnage.workers.leaving import IDLE_S
from tonnage.workers.mailbox import Mailbox
from tonnage.workers.overload import RETRY_AFTER_S, waited_at_proxy_s, waited_in_socket_s
from tonnage.workers.poller import READ, WRITE, Poller
from tonnage.workers.pool import Dispatch, Inline, Pool
from tonnage.workers.rules import Rules

RECEIVE = 65536  # octets asked of one recv(2)
IDLE_CLOSED = 64  # idle connections closed in one tick, when there are too many
NOTABLE_NS = (
    5_000_000  # the kernel tells waits in ticks of up to 4 ms: what holds the loop up for less is not asked about
)
TURNS = 2.0  # this turn of the loop and the next
NO_ENVIRON: Environ = {}


class Desk:
    def __init__(self, poller: Poller, tools: Tools, rules: Rules, slot: Slot, threads: int, mailbox: Mailbox) -> None:
        self.clients = Clients(poller, slot)
        self.keepalive = KeepAlive(allowed=rules.timeouts.keepalive > 0)
        self.now = monotonic()
        self.leaving = False  # announce the close of every connection
        self.pool = Pool(threads, slot, self._completed_elsewhere, mailbox) if threads > 1 else None
        self.inline = Inline(slot, self._completed) if threads == 1 else None
        dispatch = self.pool or self.inline
        assert dispatch is not None
        self.dispatch: Dispatch = dispatch
        self._tools = tools
        self._read = tools.line.read
        self._rules = rules
        self._timeouts = rules.timeouts
        self._queue_timeout = rules.queue_timeout
        self.suspects = math.inf if rules.queue_timeout else 0.0  # for so many turns octets may have lain in sockets
        self._slot = slot
        self.counts = Counts(slot)

    # -- coming and going ------------------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        return len(self.clients.open) >= self._rules.connections

    def has_room(self) -> bool:
        return self.dispatch.free > 0 and len(self.clients.open) < self._rules.connections

    def close_idle(self) -> bool:
        """Make room: who has been idle longest goes first. Whether there was anybody."""
        kept = [client for client in self.clients.open.values() if client.phase is Phase.KEPT]
        for client in sorted(kept, key=lambda client: client.deadline)[:IDLE_CLOSED]:
            self._overdue(client)
        return bool(kept)

    def announce_leave(self, idle_until: float) -> None:
        self.leaving = True
        for client in self.clients.open.values():
            if client.phase in (Phase.KEPT, Phase.FRESH):
                client.deadline = min(client.deadline or idle_until, idle_until)

    def give_up(self, exchange: Exchange) -> None:
        """Its thread will not come back. With the last thread go the requests that wait for one."""
        if self.clients.open.get(exchange.client.fd) is not exchange.client or exchange not in self.dispatch.running:
            return  # it has come back after all
        self.clients.give_up(exchange.client)
        self.counts.count(exchange.status, exchange.service_ns, exchange.sent)
        if self.pool is not None and all(running is not None and running.cut for running in self.pool.running):
            for queued in self.pool.cancel_queued():
                queued.refuse(503)
                self._completed(queued)

    def attend_overdue(self) -> None:
        for client in [client for client in self.clients.open.values() if 0 < client.deadline <= self.now]:
            self._overdue(client)

    def _overdue(self, client: Client) -> None:
        """Its time is up, unless octets wait in its socket: then it was in time, and we were busy."""
        deadline = client.deadline
        self.attend(client)
        if client.phase is Phase.CLOSED or client.deadline != deadline:
            return
        if client.phase in (Phase.HEAD, Phase.CONTENT):
            self._refuse(client, 408)
        else:
            self.clients.close(client)

    def turn_away(self, door: Door, fd: int, peer: Peer) -> None:
        """Every worker has as many connections as it may: an honest 503 instead of a wait without end."""
        client = self._admit(door, fd, peer)
        self._refuse(client, 503)

    def _admit(self, door: Door, fd: int, peer: Peer) -> Client:
        rules = self._rules
        trusted = rules.is_trusted(peer[0] if peer else "")
        client = Client(fd, peer, door, Connection(rules.limits, rules.policy, trusted=trusted))
        client.trusted = trusted
        client.deadline = self._after(self._timeouts.head)
        self.clients.add(client)
        return client

    def welcome(self, door: Door, fd: int, peer: Peer) -> None:
        client = self._admit(door, fd, peer)
        self.attend(client)  # its request is often there already; if so, no epoll_ctl(2) is needed
        if client.mask < 0 and client.phase is not Phase.CLOSED:
            self.clients.watch(client, READ)

    def attend(self, client: Client) -> None:
        """Something happened on the connection."""
        phase = client.phase
        if phase is Phase.FLUSH:
            self._flush(client)
            return
        if phase is Phase.APP:  # pipelined, or gone: looked at when this request is answered
            self.clients.ignore(client)
            return
        if phase is Phase.CLOSED:
            return
        if self.suspects and phase is not Phase.LINGER:
            client.lay_s = waited_in_socket_s(client.fd)
        try:
            data = self._read(client.fd, RECEIVE)
        except BlockingIOError:
            client.lay_s = 0.0
            return
        except OSError:  # reset by the client: nobody is left to answer
            self.clients.close(client)
            return
        if phase is Phase.LINGER:
            if not data:
                self.clients.close(client)
        elif data or phase in (Phase.HEAD, Phase.CONTENT):
            self.counts.received += len(data)
            client.http.receive(data)
            self._advance(client)
        else:
            self.clients.close(client)

    def _advance(self, client: Client) -> None:
        """Frame what has come; a request that is whole goes to the application."""
        http = client.http
        while (event := self._next(client)) is not None:
            if isinstance(event, RequestHead):
                if event.has_body:
                    self._await_content(client)
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
                self.clients.watch(client, READ)
                return

    def _next(self, client: Client) -> RequestHead | bytes | End | None:
        """None: there is nothing to be done now, for more must come, or because it was refused."""
        try:
            event = client.http.next()
        except RemoteProtocolError as exc:
            self._refuse(client, exc)
            return None
        if event is None:
            self._await_more(client)
        elif isinstance(event, RequestHead):
            client.head = event
            if self._queue_timeout:
                client.waited_s = self._waited_s(client, event)
        return event

    def _await_content(self, client: Client) -> None:
        client.phase = Phase.CONTENT
        client.content = Content(self._tools.directory)

    def _collect(self, client: Client, piece: bytes) -> bool:
        assert client.content is not None
        try:
            client.content.add(piece)
        except OSError as exc:
            self._tools.log.error(
                "a request's content of %d octets cannot be kept: %s. Free space in the temporary directory, "
                "or name another one with --tmp-upload-dir.", client.content.length, exc.strerror,
            )  # fmt: skip
            self._refuse(client, 503)
            return False
        return True

    def _await_more(self, client: Client) -> None:
        if client.phase is Phase.CONTENT:
            client.deadline = self._after(self._timeouts.content)
            if client.http.wants_continue() and not self.clients.write(client, client.http.continue_()):
                return
        elif not client.http.idle and client.phase is not Phase.HEAD:
            client.phase = Phase.HEAD
            client.deadline = self._after(self._timeouts.head)
        self.clients.watch(client, READ)

    def _submit(self, client: Client, head: RequestHead, content: BinaryIO) -> None:
        exchange = Exchange(client, head, content, self._tools)
        exchange.close = self.leaving or not self.keepalive.offered(self.now)
        if self._queue_timeout and client.waited_s > self._queue_timeout:
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
        if self.clients.open.get(client.fd) is not client:  # given up, and counted; its thread came back after all
            self.clients.close(client)
            return
        self.now = exchange.ended_ns / 1e9
        self._count(client, exchange)
        held_up_ns = exchange.waited_ns if self.pool else exchange.service_ns
        if held_up_ns > SLOW_NS:
            self.keepalive.held_up(self.now)
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
            self.clients.watch(client, WRITE)
        elif client.keep:
            self._keep(client)
        else:
            self._hang_up(client)

    def _count(self, client: Client, exchange: Exchange) -> None:
        """What is rare costs nothing else: see the scoreboard."""
        service_ns, environ = exchange.service_ns, exchange.environ
        self.counts.count(exchange.status, service_ns, exchange.sent)
        if service_ns > NOTABLE_NS and (self.pool is None or self.pool.free == 1):
            self.suspects = max(self.suspects, TURNS)
        if (
            exchange.waited_ns or client.lay_s
            or "HTTP_X_REQUEST_START" in environ or "HTTP_X_QUEUE_START" in environ
        ):  # fmt: skip
            waited_s = exchange.waited_ns / 1e9 + client.lay_s
            if client.trusted:
                waited_s = max(waited_s, waited_at_proxy_s(exchange.head, time() - service_ns / 1e9))
            client.lay_s = 0.0
            self._slot.count_wait(int(waited_s * 1e9))
        if exchange.first_ns:
            self._slot.count_parts(service_ns, exchange.first_ns - exchange.began_ns)

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
            self.clients.close(client)
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
        client.deadline = self.now + (IDLE_S if self.leaving else self._timeouts.keepalive)

    def _refuse(self, client: Client, problem: RemoteProtocolError | int) -> None:
        octets = client.http.refuse(problem, RETRY_AFTER_S if problem == 503 else None, date=self._tools.date())
        end = octets.index(b"\r\n")
        status = octets[9:end].decode()
        self._tools.log.debug("refused a request of %s with %s: %s", client.peer, status, problem)
        self.counts.count(status, 0, 0)
        if self._rules.witness is not None:
            self._rules.witness.refused(client, status, len(octets) - octets.index(b"\r\n\r\n") - 4)
        if self.clients.write(client, octets):
            self.clients.linger(client, self.now)

    def _hang_up(self, client: Client) -> None:
        """A client that asked for the close sends nothing more; any other may be sending at this moment."""
        asked = client.head is not None and not client.head.keep_alive and client.head.method != "CONNECT"
        if asked and not client.http.dropped:
            self.clients.close(client)
        else:
            self.clients.linger(client, self.now)

    def _after(self, seconds: float) -> float:
        return self.now + seconds if seconds > 0 else 0.0
