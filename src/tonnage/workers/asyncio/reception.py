"""Reception on an event loop: the listeners are watched by it, and who is taken in becomes a connection of it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from tonnage.errors import RemoteProtocolError
from tonnage.system.tls import Certificates, refuse_http, report
from tonnage.workers.asyncio.desk import Desk
from tonnage.workers.asyncio.protocol import Client
from tonnage.workers.client import Door, Entrance, Peer
from tonnage.workers.reception import Reception

GOODBYE_S = 24 * 3600.0  # asyncio counts it from the close, with an answer unsent; Client.overdue is the judge
TURNED_AWAY = 256  # connections refused in one tick, when every worker is full


class Ears:
    """What Reception needs of a poller."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.heard: Callable[[int], None] | None = None

    def register_listener(self, fd: int) -> None:
        assert self.heard is not None
        self._loop.add_reader(fd, self.heard, fd)

    def unregister(self, fd: int) -> None:
        self._loop.remove_reader(fd)


class Porter:
    def __init__(
        self, desk: Desk, doors: Sequence[Entrance], certificates: Certificates | None, log: logging.Logger
    ) -> None:
        self._desk = desk
        self._loop = desk.loop
        self._arriving: set[asyncio.Task[None]] = set()
        ears = Ears(desk.loop)
        ears.heard = self._heard
        self.reception = Reception(
            doors, ears, has_room=self._has_room, welcome=self._welcome, log=log, crowd=desk.slot.waited
        )
        self._certificates = certificates
        self._log = log

    @property
    def nobody_arrives(self) -> bool:
        return not self._arriving

    def turn_away(self) -> None:
        """Every worker has as many connections as it may: an honest 503 instead of a wait without end."""
        for door, fd, peer in self.reception.take(TURNED_AWAY):
            if door.is_tls:  # a handshake to say no would cost more than an answer
                os.close(fd)
            else:
                self._welcome(door, fd, peer, refused=True)

    def give_up(self) -> None:
        """Whose handshake is not done by now."""
        for task in self._arriving:
            task.cancel()

    def review_certificates(self) -> None:
        if self._certificates is not None:
            self._certificates.review(self._log)

    def _has_room(self) -> bool:
        return len(self._arriving) + len(self._desk.clients) < self._desk.rules.connections

    def _heard(self, fd: int) -> None:
        door = self.reception.doors.get(fd)
        if door is not None:
            self.reception.accept(door)

    def _welcome(self, door: Door, fd: int, peer: Peer, *, refused: bool = False) -> None:
        task = self._loop.create_task(self._admit(door, fd, peer, refused=refused))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _admit(self, door: Door, fd: int, peer: Peer, *, refused: bool) -> None:
        sock = socket.socket(door.sock.family, socket.SOCK_STREAM, 0, fileno=fd)
        try:
            if door.is_tls:
                await self._shake(door, sock, peer)
            else:
                client = Client(self._desk, door, peer, 503 if refused else None)
                await self._loop.connect_accepted_socket(_protocol(client), sock)
        except OSError as exc:  # it left, or its handshake failed; ssl.SSLError is an OSError
            report(self._log, peer, exc)
            sock.close()
        except asyncio.CancelledError:
            sock.close()
            raise

    async def _shake(self, door: Door, sock: socket.socket, peer: Peer) -> None:
        """Who speaks HTTP is told so in HTTP. Raises OSError when there will be no handshake."""
        assert self._certificates is not None
        limit_s = self._desk.rules.timeouts.head or None
        try:
            refuse_http(await self._first(sock, limit_s))
        except RemoteProtocolError as exc:
            plain = Client(self._desk, door, peer, exc)
            await self._loop.connect_accepted_socket(_protocol(plain), sock)
        else:
            client = Client(self._desk, door, peer)
            await self._loop.connect_accepted_socket(
                _protocol(client), sock, ssl=self._certificates.context, ssl_handshake_timeout=limit_s,
                ssl_shutdown_timeout=GOODBYE_S,
            )  # fmt: skip

    async def _first(self, sock: socket.socket, limit_s: float | None) -> bytes:
        """The first octet that came; it stays where it is."""
        with suppress(BlockingIOError):
            return sock.recv(1, socket.MSG_PEEK)
        came = self._loop.create_future()
        self._loop.add_reader(sock, _tell, came)
        try:
            await asyncio.wait_for(came, limit_s)
        finally:
            self._loop.remove_reader(sock)
        return sock.recv(1, socket.MSG_PEEK)


def _protocol(client: Client) -> Callable[[], asyncio.Protocol]:
    """It is one by its methods; a compiled class cannot inherit from asyncio's."""
    return lambda: cast("asyncio.Protocol", client)


def _tell(came: asyncio.Future[None]) -> None:
    if not came.done():
        came.set_result(None)
