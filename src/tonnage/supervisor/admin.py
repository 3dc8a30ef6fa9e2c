"""The admin address: metrics, probes and the dashboard.

Answered by the supervisor, so that nobody who asks how the server does queues behind what keeps its workers busy.

It never blocks: what a peer does not take waits in memory, and a peer that is slow, hostile or one too many is dropped.
The framing is http/connection.py's, the same that judges the requests of the world; what is said is control/pages.py's.

What the loop has to do: open() once, extend its facts with what the selector's callables give, call turn(now) at
`next_at`, close() at the end, and forget() in forked children.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from ipaddress import ip_address

from tonnage.config.values import Address
from tonnage.control import pages
from tonnage.control.overview import Overview
from tonnage.errors import BindError, RemoteProtocolError
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.http.limits import Limits, Policy
from tonnage.http.state import End
from tonnage.supervisor.facts import Fact
from tonnage.supervisor.state import NEVER
from tonnage.system.listeners import Listener, close_listeners, open_listeners

MOST_PEERS = 64  # some scrapers, probes and people; the oldest makes room for the next
BACKLOG = 64
RECEIVE = 16384
PATIENCE_S = 10.0  # to send a request, or to take an answer
IDLE_S = 90.0  # a scraper that comes every minute keeps its connection
RETRY_S = 1.0  # after a failed accept: out of descriptors
LIMITS = Limits(request_line=2048, fields=64, field_size=4096, head=16384, body=65536)


@dataclass(frozen=True, slots=True)
class Pages:
    """Where they are."""

    address: Address
    umask: int = 0  # for the file of a Unix socket


@dataclass(slots=True, eq=False)
class Peer:
    sock: socket.socket
    deadline: float
    http: Connection = field(default_factory=lambda: Connection(LIMITS, Policy()))
    head: RequestHead | None = None  # asked, and its content still comes
    unsent: bytearray = field(default_factory=bytearray)
    last: bool = False  # nothing follows what is unsent


class Admin:
    def __init__(self, selector: selectors.BaseSelector, log: logging.Logger, look: Callable[[], Overview]) -> None:
        self._selector = selector
        self._log = log
        self._look = look
        self._listener: Listener | None = None
        self._is_loopback = False  # then a browser of this machine can be talked into coming, see pages.is_foreign
        self._peers: list[Peer] = []  # the oldest first
        self._resume_at = NEVER  # when to accept again

    @property
    def next_at(self) -> float:
        return min([self._resume_at, *(peer.deadline for peer in self._peers)])

    # -- the loop's side -----------------------------------------------------------------------------------------------

    def open(self, place: Pages) -> None:
        """Raises BindError."""
        try:
            self._listener = listener = open_listeners([place.address], backlog=BACKLOG, umask=place.umask)[0]
        except BindError as exc:
            raise BindError(str(exc).replace("--bind", "--admin-bind")) from exc
        self._is_loopback = _is_loopback(listener)
        self._selector.register(listener.sock, selectors.EVENT_READ, self._accept)
        self._log.info("Admin pages at: %s (/, /metrics, /-/live, /-/ready)", listener.url)
        if not self._is_loopback and listener.sock.family != socket.AF_UNIX:
            self._log.warning(
                "Everybody who can reach %s reads there what this server does, with the requests in flight. If that is "
                "not only your monitoring, bind --admin-bind to 127.0.0.1 or to a Unix socket.", listener.url,
            )  # fmt: skip

    def turn(self, now: float) -> None:
        """Drop who is overdue."""
        if now < self.next_at:
            return
        if now >= self._resume_at and self._listener is not None:
            self._resume_at = NEVER
            self._selector.register(self._listener.sock, selectors.EVENT_READ, self._accept)
        for peer in [peer for peer in self._peers if now >= peer.deadline]:
            self._drop(peer)

    def close(self) -> None:
        if self._listener is not None:
            if self._resume_at == NEVER:
                self._selector.unregister(self._listener.sock)
            close_listeners([self._listener], unlink=True)
        for peer in list(self._peers):
            self._drop(peer)
        self.forget()

    def forget(self) -> None:
        """Close our descriptors; in a forked child they are its parent's, and so are the file and the selector."""
        for peer in self._peers:
            peer.sock.close()
        self._peers.clear()
        if self._listener is not None:
            self._listener.sock.close()
            self._listener = None

    # -- the peers' side -----------------------------------------------------------------------------------------------

    def _accept(self) -> Iterable[Fact]:
        assert self._listener is not None
        try:
            sock, _ = self._listener.sock.accept()
        except BlockingIOError:
            return ()
        except OSError:  # it was in a hurry, or we are out of descriptors: level-triggered, we would be back at once
            self._selector.unregister(self._listener.sock)
            self._resume_at = time.monotonic() + RETRY_S
            return ()
        sock.setblocking(False)
        if len(self._peers) >= MOST_PEERS:
            self._drop(self._peers[0])
        peer = Peer(sock, time.monotonic() + PATIENCE_S)
        self._peers.append(peer)
        self._selector.register(sock, selectors.EVENT_READ, partial(self._attend, peer))
        return ()

    def _attend(self, peer: Peer) -> Iterable[Fact]:
        """Something can be sent to it, or read from it."""
        if peer not in self._peers:  # dropped within this turn
            return ()
        if peer.unsent:
            self._flush(peer)
        else:
            self._read(peer)
        self._advance(peer)
        return ()

    def _read(self, peer: Peer) -> None:
        try:
            data = peer.sock.recv(RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            peer.http.receive(data)
        else:
            self._drop(peer)

    def _advance(self, peer: Peer) -> None:
        """Answer what is whole, one request at a time: who does not take an answer is not given the next."""
        try:
            while not peer.unsent and peer in self._peers and (event := peer.http.next()) is not None:
                if isinstance(event, RequestHead) and event.has_body:
                    peer.head = event
                elif isinstance(event, RequestHead):
                    self._answer(peer, event)
                elif isinstance(event, End) and peer.head is not None:
                    self._answer(peer, peer.head)
        except RemoteProtocolError as exc:
            peer.last = True
            self._send(peer, peer.http.refuse(exc, date=_date()))

    def _answer(self, peer: Peer, head: RequestHead) -> None:
        host = (head.host or b"").decode("latin-1")
        if self._is_loopback and pages.is_foreign(host):
            page = pages.foreign()
        else:
            page = pages.answer(head.method, head.path.decode("latin-1"), self._look)
        octets = peer.http.respond_whole(page.status, page.all_fields, page.content, close=False, date=_date())
        peer.head = None
        peer.last = not peer.http.keep_alive
        self._send(peer, octets)

    def _send(self, peer: Peer, octets: bytes) -> None:
        peer.unsent += octets
        peer.deadline = time.monotonic() + PATIENCE_S
        self._flush(peer)

    def _flush(self, peer: Peer) -> None:
        try:
            del peer.unsent[: peer.sock.send(peer.unsent, socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(peer)
            return
        events = selectors.EVENT_WRITE if peer.unsent else selectors.EVENT_READ
        self._selector.modify(peer.sock, events, partial(self._attend, peer))
        if not peer.unsent:
            peer.deadline = time.monotonic() + IDLE_S
            if peer.last:
                self._drop(peer)

    def _drop(self, peer: Peer) -> None:
        if peer in self._peers:
            self._peers.remove(peer)
            self._selector.unregister(peer.sock)
            with suppress(OSError):  # it may be gone
                peer.sock.shutdown(socket.SHUT_WR)
            peer.sock.close()


def _is_loopback(listener: Listener) -> bool:
    if listener.sock.family == socket.AF_UNIX:
        return False
    return ip_address(listener.sock.getsockname()[0].partition("%")[0]).is_loopback


def _date() -> bytes:
    return f"Date: {formatdate(usegmt=True)}\r\n".encode()
