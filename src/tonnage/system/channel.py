"""Messages between two of our processes, whole or not at all.

A pair of connected SOCK_SEQPACKET sockets: the kernel keeps message borders, and end of file on one side is the death
of every process that held the other. That is how a worker learns that its supervisor was killed, so whoever forks must
close the ends that are not its own. Linux and the BSDs; macOS has no such socket, and nothing stands in for it yet.

Neither end ever blocks: a supervisor must not wait for a worker, nor a worker for its supervisor.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from tonnage.messages import Message, decode, encode

LARGEST = 96 * 1024  # octets of one message; well under the kernel's smallest usual send buffer of 208 KiB


MOST_FDS = 4


class Channel:
    """One end."""

    __slots__ = ("_sock",)

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock

    @classmethod
    def adopt(cls, fd: int) -> Channel:
        """The end that another process has handed to us."""
        return cls(socket.socket(fileno=fd))

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, message: Message, fds: Sequence[int] = ()) -> bool:
        """Whether the message is on its way: False when the other side is gone, or has left too many unread.

        Raises ValueError when the message is longer than LARGEST.
        """
        data = encode(message)
        if len(data) > LARGEST:
            raise ValueError(f"a {type(message).__name__} of {len(data)} octets is too long to send (limit {LARGEST})")
        try:
            if fds:
                socket.send_fds(self._sock, [data], fds, socket.MSG_NOSIGNAL)
            else:
                self._sock.send(data, socket.MSG_NOSIGNAL)
        except (BlockingIOError, BrokenPipeError, ConnectionError):
            return False
        return True

    def receive(self) -> Message | None:
        """The next message, or None when there is none. Raises EOFError when the other side is gone.

        Descriptors that came with it are closed by the kernel: nobody can fill our table with them.
        """
        while True:
            try:
                data = self._sock.recv(LARGEST)
            except BlockingIOError:
                return None
            except ConnectionResetError:
                continue  # the other side left something of ours unread; Linux says it once, before what it had sent
            return _decoded(data)

    def receive_with_fds(self) -> tuple[Message, list[int]] | None:
        """The same, with the descriptors that came along; they are the caller's."""
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self._sock, LARGEST, MOST_FDS)
            except BlockingIOError:
                return None
            except ConnectionResetError:
                continue
            for fd in fds:
                os.set_inheritable(fd, False)
            return _decoded(data), fds

    def close(self) -> None:
        self._sock.close()


def _decoded(data: bytes) -> Message:
    if not data:
        raise EOFError("the other side of the channel is gone")
    return decode(data)


def pair() -> tuple[Channel, Channel]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(ours), Channel(theirs)
