"""Has a request waited so long already that an honest 503 serves its client better than an answer?

Three clocks are asked, the largest counts: X-Request-Start, set by a proxy that we trust; how long its octets lay in
the socket before we read them (Linux: tcpi_last_data_recv); and our own queue for a thread.
"""

from __future__ import annotations

import re
import socket
import struct

from tonnage.http.head import RequestHead

LAST_DATA_RECV = struct.Struct("=52xI")  # struct tcp_info of linux/tcp.h: 8 bytes of flags, then the 12th u32
BELIEVED_S = 600.0  # no queue is so long, but a clock may be wrong by hours, and must not flood what is summed
RETRY_AFTER_S = 1  # the queue of a server that sheds load is short again at once
START = re.compile(rb"(?:t=)?(\d+(?:\.\d+)?)(ms|us|s)?\Z")


def request_start_s(value: bytes) -> float | None:
    """X-Request-Start in seconds of Unix time: `t=1700000000.123`, or whole milli- or microseconds; None if unreadable.

    Heroku, New Relic and nginx (`t=${msec}`) each write it in a unit of their own; the magnitude tells them apart.
    """
    match = START.match(value.strip())
    if match is None:
        return None
    start = float(match[1])
    for limit in (1e11, 1e14):  # seconds have 10 digits until the year 5138, milliseconds 13, microseconds 16
        if start < limit:
            return start if limit == 1e11 else start / 1e3
    return start / 1e6


def waited_at_proxy_s(head: RequestHead, unix_now: float) -> float:
    for field in head.fields:
        if field.name in {b"x-request-start", b"x-queue-start"}:
            start = request_start_s(field.value)
            if start is not None:
                return min(max(0.0, unix_now - start), BELIEVED_S)
    return 0.0


def waited_in_socket_s(fd: int) -> float:
    """Since the last octet came, asked before anything is read. 0 where the kernel does not say (Unix sockets)."""
    if not hasattr(socket, "TCP_INFO"):
        return 0.0
    sock = socket.socket(fileno=fd)
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECV.size)
        return float(LAST_DATA_RECV.unpack(info)[0]) / 1e3
    except (OSError, struct.error):
        return 0.0
    finally:
        sock.detach()
