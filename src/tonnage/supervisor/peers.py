"""A socket of the supervisor's own, and who has come to it: operators (control.py), probes and browsers (admin.py).

It never blocks the supervisor: what a peer does not take waits in memory, and meanwhile nothing more is read from it.
Who is gone, overdue, or does not read is dropped; of too many one makes room. What is said there is a subclass's.

What the loop has to do: extend its facts with what the selector's callables give, call turn(now) at `next_at`, close()
at the end, and forget() in forked children.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from tonnage.supervisor.facts import Fact
from tonnage.supervisor.state import NEVER
from tonnage.system.listeners import Listener, close_listeners

RECEIVE = 16384
RETRY_S = 1.0  # after a failed accept: out of descriptors


@dataclass(frozen=True, slots=True)
class Patience:
    """What a peer may cost."""

    peers: int
    unread: float = NEVER  # octets that one may leave in our memory
    busy_s: float = NEVER  # to send a request, or to take an answer
    idle_s: float = NEVER  # to ask again


@dataclass(slots=True, eq=False)
class Peer:
    sock: socket.socket
    deadline: float = field(default=NEVER, init=False)
    unsent: bytearray = field(default_factory=bytearray, init=False)
    last: bool = field(default=False, init=False)  # nothing follows what is unsent


P = TypeVar("P", bound=Peer)


class PeerServer(ABC, Generic[P]):
    def __init__(self, selector: selectors.BaseSelector, log: logging.Logger, patience: Patience) -> None:
        self._selector = selector
        self._log = log
        self._patience = patience
        self._listener: Listener | None = None
        self._peers: list[P] = []  # the oldest first
        self._resume_at = NEVER  # when to accept again
        self._is_full = False  # and the log knows it

    @property
    def next_at(self) -> float:
        return min([self._resume_at, *(peer.deadline for peer in self._peers)])

    # -- the subclass's side -------------------------------------------------------------------------------------------

    @abstractmethod
    def _meet(self, sock: socket.socket) -> P | None:
        """Who that is, or None: it has no business here."""

    @abstractmethod
    def _hear(self, peer: P, data: bytes) -> Iterable[Fact]:
        """It has sent this; or, with no data, has taken all that it was told: what it asked meanwhile has its turn."""

    def _spare(self) -> P:
        """Who makes room."""
        return self._peers[0]

    def _serve(self, listener: Listener) -> None:
        self._listener = listener
        self._selector.register(listener.sock, selectors.EVENT_READ, self._accept)

    def _send(self, peer: P, octets: bytes) -> None:
        peer.unsent += octets
        peer.deadline = time.monotonic() + self._patience.busy_s
        self._flush(peer)
        if len(peer.unsent) > self._patience.unread:
            self._drop(peer)

    # -- the loop's side -----------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Drop who is overdue."""
        if now < self.next_at:
            return
        if now >= self._resume_at and self._listener is not None:
            self._resume_at = NEVER
            self._serve(self._listener)
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
        self._resume_at = NEVER

    # -- the peers' side -----------------------------------------------------------------------------------------------

    def _accept(self) -> Iterable[Fact]:
        assert self._listener is not None
        try:
            sock, _ = self._listener.sock.accept()
        except (BlockingIOError, ConnectionAbortedError):  # it was in a hurry
            return ()
        except OSError as exc:  # out of descriptors or memory: level-triggered, we would be back at once
            self._rest(self._listener, exc)
            return ()
        self._is_full = False
        peer = self._meet(sock)
        if peer is None:
            sock.close()
            return ()
        sock.setblocking(False)
        peer.deadline = time.monotonic() + self._patience.busy_s
        self._peers.append(peer)
        self._selector.register(sock, selectors.EVENT_READ, partial(self._attend, peer))
        if len(self._peers) > self._patience.peers:
            self._drop(self._spare())
        return ()

    def _rest(self, listener: Listener, why: OSError) -> None:
        self._selector.unregister(listener.sock)
        self._resume_at = time.monotonic() + RETRY_S
        if not self._is_full:
            self._is_full = True
            self._log.warning(
                "Nobody new is answered at %s for now: %s. Trying again every second. If that is the limit of open "
                "files, LimitNOFILE= (systemd) or `ulimit -n` raises it.", listener.url, why.strerror,
            )  # fmt: skip

    def _attend(self, peer: P) -> Iterable[Fact]:
        """Something can be sent to it, or read from it."""
        if peer not in self._peers:  # dropped within this turn
            return ()
        if peer.unsent:
            self._flush(peer)
            return self._hear(peer, b"") if not peer.unsent and peer in self._peers else ()
        try:
            data = peer.sock.recv(RECEIVE)
        except BlockingIOError:
            return ()
        except OSError:
            data = b""
        if data:
            return self._hear(peer, data)
        self._drop(peer)
        return ()

    def _flush(self, peer: P) -> None:
        if peer not in self._peers or not peer.unsent:
            return
        try:
            del peer.unsent[: peer.sock.send(peer.unsent, socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(peer)
            return
        if not peer.unsent:
            peer.deadline = time.monotonic() + self._patience.idle_s
            if peer.last:
                self._drop(peer)
                return
        events = selectors.EVENT_WRITE if peer.unsent else selectors.EVENT_READ
        self._selector.modify(peer.sock, events, partial(self._attend, peer))

    def _drop(self, peer: P) -> None:
        if peer in self._peers:
            self._peers.remove(peer)
            self._selector.unregister(peer.sock)
            with suppress(OSError):  # it may be gone
                peer.sock.shutdown(socket.SHUT_WR)
            peer.sock.close()
