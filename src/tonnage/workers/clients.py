"""The connections of one worker: which there are, what the poller watches them for, and how they end."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from tonnage.system.scoreboard import Slot
from tonnage.workers.client import Client, Phase
from tonnage.workers.line import PLAIN, Line
from tonnage.workers.poller import READ, Poller

LINGER_S = 2.0  # how long we read away what a client still sends after our last word


class Clients:
    def __init__(self, poller: Poller, slot: Slot, line: Line = PLAIN) -> None:
        self.open: dict[int, Client] = {}
        self._poller = poller
        self._cells = slot.cells
        self._write = line.write

    def add(self, client: Client) -> None:
        self.open[client.fd] = client
        cells = self._cells
        cells[7] += 1  # Cell.ACCEPTED
        cells[6] = len(self.open)  # Cell.CONNECTIONS

    def watch(self, client: Client, mask: int) -> None:
        if client.mask == mask:
            return
        if client.mask < 0:
            self._poller.register(client.fd, mask)
        else:
            self._poller.modify(client.fd, mask)
        client.mask = mask

    def ignore(self, client: Client) -> None:
        """A mask of nothing would still wake us for a hang-up, again and again."""
        if client.mask >= 0:
            self._poller.unregister(client.fd)
            client.mask = -1

    def write(self, client: Client, octets: bytes) -> bool:
        """A few octets to a client who has taken everything before them; False, and it is closed, if it is gone."""
        try:
            self._write(client.fd, octets)
        except OSError:  # it is gone, or as good as: it takes not even this
            self.close(client)
            return False
        return True

    def linger(self, client: Client, now: float) -> None:
        """Close only the sending half: closing with unread octets resets, and a reset may overtake our answer."""
        if not shut(client, socket.SHUT_WR):
            self.close(client)
            return
        client.phase = Phase.LINGER
        client.deadline = now + LINGER_S
        self.watch(client, READ)

    def give_up(self, client: Client) -> None:
        """Its thread will not come back: end it, but keep the descriptor, or the thread might write to another."""
        if self.open.get(client.fd) is client:
            del self.open[client.fd]
            shut(client, socket.SHUT_RDWR)
            self.ignore(client)

    def close(self, client: Client) -> None:
        client.phase = Phase.CLOSED
        if self.open.get(client.fd) is client:
            del self.open[client.fd]
        if client.mask >= 0:
            self._poller.forget(client.fd)
        os.close(client.fd)
        if client.out is not None:
            client.out.close()
        if client.content is not None:
            client.content.close()
        self._cells[6] = len(self.open)  # Cell.CONNECTIONS

    def forsake(self) -> None:
        """In a child that the application has forked: the connections are its parent's to answer and to close."""
        for fd in self.open:
            with suppress(OSError):
                os.close(fd)

    def close_all(self) -> None:
        for client in list(self.open.values()):
            self.close(client)


def shut(client: Client, how: int) -> bool:
    """From any thread. False when the client was faster."""
    sock = socket.socket(fileno=client.fd)
    try:
        sock.shutdown(how)
    except OSError:
        return False
    finally:
        sock.detach()
    return True
