"""One client connection as the loop sees it: data, no behaviour."""

from __future__ import annotations

import socket
from enum import Enum, auto

from tonnage.app.environ import Gateway
from tonnage.app.wsgi import Environ
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.workers.content import Content
from tonnage.workers.output import Output


class Phase(Enum):
    FRESH = auto()  # accepted, not an octet yet
    KEPT = auto()  # between two requests
    HEAD = auto()
    CONTENT = auto()
    APP = auto()  # queued for, or in, the application
    FLUSH = auto()  # answered, the client has not taken it all yet
    CLOSED = auto()
    LINGER = auto()  # we said the last word; what still comes is read away, so that no reset overtakes our answer


class Door:
    """One listener, and what its requests have in common."""

    __slots__ = ("gateway", "is_unix", "sock", "template")

    def __init__(self, sock: socket.socket, gateway: Gateway, *, is_unix: bool) -> None:
        self.sock = sock
        self.gateway = gateway
        self.template: Environ = gateway.template()
        self.is_unix = is_unix


class Client:
    __slots__ = (
        "content",
        "deadline",
        "door",
        "fd",
        "head",
        "http",
        "keep",
        "lay_s",
        "mask",
        "out",
        "peer",
        "phase",
        "trusted",
    )

    def __init__(self, fd: int, peer: tuple[str, int] | None, door: Door, http: Connection) -> None:
        self.fd = fd  # non-blocking; a socket object around it would cost a connection a fifth more CPU
        self.peer = peer  # None on a Unix socket
        self.door = door
        self.http = http
        self.trusted = False  # its forwarded fields are believed
        self.phase = Phase.FRESH
        self.deadline = 0.0  # CLOCK_MONOTONIC seconds; what follows depends on the phase
        self.lay_s = 0.0  # how long its octets lay in the socket before they were read
        self.keep = False  # after this response it may bring another request
        self.mask = -1  # what the poller watches it for; -1: it is not registered
        self.head: RequestHead | None = None
        self.content: Content | None = None
        self.out: Output | None = None
