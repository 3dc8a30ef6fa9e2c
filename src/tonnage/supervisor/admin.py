"""The admin address: metrics, probes and the dashboard.

Answered by the supervisor, so that nobody who asks how the server does queues behind what keeps its workers busy.

Slow, hostile and superfluous peers are peers.py's business, which also says what the loop has to do after open(). The
framing is http/connection.py's, the same that judges the requests of the world; what is said is control/pages.py's.
"""

from __future__ import annotations

import logging
import selectors
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
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
from tonnage.supervisor.peers import Patience, Peer, PeerServer
from tonnage.system.listeners import Listener, open_listeners

MOST_PEERS = 64  # some scrapers, probes and people; the oldest makes room for the next
BACKLOG = 64
PATIENCE_S = 10.0  # to send a request, or to take an answer
IDLE_S = 90.0  # a scraper that comes every minute keeps its connection
LIMITS = Limits(request_line=2048, fields=64, field_size=4096, head=16384, body=65536)


@dataclass(frozen=True, slots=True)
class Pages:
    """Where they are."""

    address: Address
    umask: int = 0  # for the file of a Unix socket


@dataclass(slots=True, eq=False)
class Visitor(Peer):
    http: Connection = field(default_factory=lambda: Connection(LIMITS, Policy()))
    head: RequestHead | None = None  # asked, and its content still comes


class Admin(PeerServer[Visitor]):
    def __init__(self, selector: selectors.BaseSelector, log: logging.Logger, look: Callable[[], Overview]) -> None:
        super().__init__(selector, log, Patience(MOST_PEERS, busy_s=PATIENCE_S, idle_s=IDLE_S))
        self._look = look
        self._is_loopback = False  # then a browser of this machine can be talked into coming, see pages.is_foreign

    def open(self, place: Pages) -> None:
        """Raises BindError."""
        try:
            listener = open_listeners([place.address], backlog=BACKLOG, umask=place.umask)[0]
        except BindError as exc:
            raise BindError(str(exc).replace("--bind", "--admin-bind")) from exc
        self._is_loopback = _is_loopback(listener)
        self._serve(listener)
        self._log.info("Admin pages at: %s (/, /metrics, /-/live, /-/ready)", listener.url)
        if not self._is_loopback and listener.sock.family != socket.AF_UNIX:
            self._log.warning(
                "Everybody who can reach %s reads there what this server does, with the requests in flight. If that is "
                "not only your monitoring, bind --admin-bind to 127.0.0.1 or to a Unix socket.", listener.url,
            )  # fmt: skip

    def _meet(self, sock: socket.socket) -> Visitor:
        return Visitor(sock)

    def _hear(self, peer: Visitor, data: bytes) -> Iterable[Fact]:
        """Answer what is whole, one request at a time: who does not take an answer is not given the next."""
        if data:
            peer.http.receive(data)
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
        return ()

    def _answer(self, peer: Visitor, head: RequestHead) -> None:
        host = (head.host or b"").decode("latin-1")
        if self._is_loopback and pages.is_foreign(host):
            page = pages.foreign()
        else:
            page = pages.answer(head.method, head.path.decode("latin-1"), self._look)
        octets = peer.http.respond_whole(page.status, page.all_fields, page.content, close=False, date=_date())
        peer.head = None
        peer.last = not peer.http.keep_alive
        self._send(peer, octets)


def _is_loopback(listener: Listener) -> bool:
    if listener.sock.family == socket.AF_UNIX:
        return False
    return ip_address(listener.sock.getsockname()[0].partition("%")[0]).is_loopback


def _date() -> bytes:
    return f"Date: {formatdate(usegmt=True)}\r\n".encode()
