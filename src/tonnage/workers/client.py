"""One client connection as the loop sees it: data, no behaviour."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol

from tonnage.app.environ import Gateway
from tonnage.app.wsgi import Environ
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.system.baton import Baton
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


Peer = tuple[str, int] | None  # None on a Unix socket


class Door:
    """One listener, and what its requests have in common."""

    __slots__ = ("gateway", "is_tls", "is_unix", "sock", "template", "url")

    def __init__(self, sock: socket.socket, gateway: Gateway, url: str, *, is_unix: bool, is_tls: bool = False) -> None:
        self.sock = sock
        self.gateway = gateway
        self.template: Environ = gateway.template()
        self.url = url
        self.is_unix = is_unix
        self.is_tls = is_tls

    def fileno(self) -> int:
        return self.sock.fileno()

    def take(self) -> tuple[int, Door, Peer]:
        """A connection that waits: bare, for the socket object that accept() makes costs a fifth more CPU.

        Raises BlockingIOError when nobody waits, and other OSErrors.
        """
        fd, address = self.sock._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - public only as accept()
        os.set_blocking(fd, False)
        return fd, self, (address[0], address[1]) if isinstance(address, tuple) else None

    def close(self) -> None:
        self.sock.close()

    def saying(self, more: Environ) -> Door:
        """The same, as a connection sees it whose requests have more in common."""
        door = Door(self.sock, self.gateway, self.url, is_unix=self.is_unix, is_tls=self.is_tls)
        door.template.update(more)
        return door


class SideDoor:
    """Where siblings hand in connections that they cannot serve now, see relief.py."""

    __slots__ = ("_baton", "_doors")

    def __init__(self, baton: Baton, doors: Sequence[Door]) -> None:
        self._baton = baton
        self._doors = {door.url: door for door in doors}

    def fileno(self) -> int:
        return self._baton.fileno()

    def take(self) -> tuple[int, Door, Peer]:
        """As Door.take. A listener that we do not have (another generation's) is as good as any other of ours."""
        passed = self._baton.take()
        if passed is None:
            raise BlockingIOError
        return passed.fd, self._doors.get(passed.listener) or next(iter(self._doors.values())), passed.peer

    def close(self) -> None:
        """It is for giving, too."""


class Entrance(Protocol):
    """Where connections come in: a Door, or the SideDoor."""

    def fileno(self) -> int: ...
    def take(self) -> tuple[int, Door, Peer]: ...
    def close(self) -> None: ...


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
        "waited_s",
    )

    def __init__(self, fd: int, peer: Peer, door: Door, http: Connection) -> None:
        self.fd = fd  # non-blocking; a socket object around it would cost a connection a fifth more CPU
        self.peer = peer
        self.door = door
        self.http = http
        self.trusted = False  # its forwarded fields are believed
        self.phase = Phase.FRESH
        self.deadline = 0.0  # CLOCK_MONOTONIC seconds; what follows depends on the phase
        self.lay_s = 0.0  # how long its octets lay in the socket before they were read
        self.waited_s = 0.0  # how long its request waited before we saw its head
        self.keep = False  # after this response it may bring another request
        self.mask = -1  # what the poller watches it for; -1: it is not registered
        self.head: RequestHead | None = None
        self.content: Content | None = None
        self.out: Output | None = None
