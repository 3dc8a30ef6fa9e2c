"""How many connections wait in a listener's accept queue: opened by the kernel, accepted by nobody yet.

Linux only. For TCP by TCP_INFO, whose `tcpi_unacked` and `tcpi_sacked` mean, on a listening socket, the queue and its
limit (tcp_get_info in net/ipv4/tcp.c). For Unix sockets by sock_diag(7), whose `udiag_rqueue` and `udiag_wqueue` do.

Handshakes still under way are not in it, and neither are clients that were turned away because it was full.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

TCP_INFO_HEAD = struct.Struct("=24x2I")  # tcp_info up to tcpi_unacked and tcpi_sacked
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLMSG_ERROR = 2
NLM_F_REQUEST = 1
HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, pid
REQUEST = struct.Struct("=BBHIIIII")  # unix_diag_req: family, protocol, pad, states, inode, show, cookie
ANSWER = struct.Struct("=BBBBIII")  # unix_diag_msg: family, type, state, pad, inode, cookie
ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type
RQLEN = struct.Struct("=II")  # unix_diag_rqlen: rqueue, wqueue
UDIAG_SHOW_RQLEN = 0x10
UNIX_DIAG_RQLEN = 4
ANY_STATE = ANY_COOKIE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Queue:
    waiting: int
    limit: int  # what the kernel made of `backlog`; it holds one more than that


def accept_queue(listener: socket.socket) -> Queue:
    """Raises OSError where the kernel does not tell: a kernel without unix_diag, or not Linux."""
    return _unix(listener) if listener.family == socket.AF_UNIX else _tcp(listener)


def _tcp(listener: socket.socket) -> Queue:
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_HEAD.size)
    waiting, limit = TCP_INFO_HEAD.unpack(info)
    return Queue(waiting, limit)


def _unix(listener: socket.socket) -> Queue:
    inode = os.fstat(listener.fileno()).st_ino & 0xFFFFFFFF
    query = REQUEST.pack(socket.AF_UNIX, 0, 0, ANY_STATE, inode, UDIAG_SHOW_RQLEN, ANY_COOKIE, ANY_COOKIE)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as netlink:
        netlink.send(HEADER.pack(HEADER.size + len(query), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + query)
        return _parse(netlink.recv(4096))  # answered within send(): it is there


def _parse(message: bytes) -> Queue:
    length, kind, _, _, _ = HEADER.unpack_from(message)
    if kind == NLMSG_ERROR:
        (number,) = struct.unpack_from("=i", message, HEADER.size)
        raise OSError(-number, f"the kernel does not tell the accept queue: {os.strerror(-number)}")
    at = HEADER.size + ANSWER.size
    while at + ATTRIBUTE.size <= length:
        size, attribute = ATTRIBUTE.unpack_from(message, at)
        if attribute == UNIX_DIAG_RQLEN:
            return Queue(*RQLEN.unpack_from(message, at + ATTRIBUTE.size))
        at += (size + 3) & ~3 or ATTRIBUTE.size
    raise OSError("the kernel's answer holds no accept queue")
