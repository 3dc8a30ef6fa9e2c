"""Hand an accepted connection to whichever sibling is idle.

A pair of sockets that every worker inherits: what one gives at one end, the first that listens takes at the other, as
from an accept queue. The descriptor travels with its message (SCM_RIGHTS, unix(7)).
"""

from __future__ import annotations

import errno
import json
import os
import socket
from dataclasses import dataclass

LARGEST = 1024  # octets of one message: a listener's name and a peer's address


@dataclass(frozen=True, slots=True)
class Passed:
    fd: int  # non-blocking
    listener: str  # its url: where the connection was accepted
    peer: tuple[str, int] | None  # None on a Unix socket


class Baton:
    """Made once, by the supervisor, before the first fork. Raises OSError when there are no descriptors left."""

    __slots__ = ("_give", "_take")

    def __init__(self) -> None:
        self._give, self._take = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._give.setblocking(False)
        self._take.setblocking(False)

    def close(self) -> None:
        self._give.close()
        self._take.close()

    def fileno(self) -> int:
        """Readable when somebody has given a connection."""
        return self._take.fileno()

    def give(self, passed: Passed) -> bool:
        """False when nobody has taken the last few hundred: keep it. On True it is theirs; close your copy."""
        message = json.dumps([passed.listener, passed.peer]).encode()
        try:
            socket.send_fds(self._give, [message], [passed.fd])
        except OSError:  # EAGAIN, ETOOMANYREFS: too many are on their way already
            return False
        return True

    def take(self) -> Passed | None:
        """The next, or None when there is none. Raises OSError (EMFILE) when there is no descriptor to take it with."""
        os.close(os.dup(self._take.fileno()))  # without one to spare the kernel would drop the connection
        try:
            message, fds, _, _ = socket.recv_fds(self._take, LARGEST, 1)
        except BlockingIOError:
            return None
        if not fds:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        os.set_inheritable(fds[0], False)
        listener, peer = json.loads(message)
        return Passed(fds[0], listener, tuple(peer) if peer is not None else None)
