"""Reception on an event loop: the listeners are watched by it, and who is taken in becomes a connection of it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence

from tonnage.system.tls import Certificates
from tonnage.workers.asyncio.desk import Desk
from tonnage.workers.asyncio.protocol import Client
from tonnage.workers.client import Door, Entrance, Peer
from tonnage.workers.reception import Reception

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
        context = self._certificates.context if door.is_tls and self._certificates is not None else None
        client = Client(self._desk, door, peer)
        try:
            if context is None:
                await self._loop.connect_accepted_socket(lambda: client, sock)
            else:
                await self._loop.connect_accepted_socket(
                    lambda: client, sock, ssl=context, ssl_handshake_timeout=self._desk.rules.timeouts.head or None
                )
        except OSError as exc:  # it left, or its handshake failed; ssl.SSLError is an OSError
            self._desk.log.debug("a connection of %s was not made: %s", peer, exc)
            sock.close()
            return
        if refused and not client.lost:
            client.refuse(503)
