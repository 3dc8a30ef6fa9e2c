"""What a process has given to the kernel for the other end of a connection, and that end has not taken yet."""

from __future__ import annotations

import fcntl
import struct
import termios

NUMBER = struct.Struct("=i")


def unacknowledged(fd: int) -> int:
    """Octets: SIOCOUTQ of tcp(7) and unix(7). 0 where the kernel does not tell, or the descriptor was closed (-1)."""
    try:
        return int(NUMBER.unpack(fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(NUMBER.size)))[0])
    except (OSError, ValueError):
        return 0
