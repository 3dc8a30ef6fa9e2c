"""What a process has connected to: the other ends of its sockets, and how many it has to each.

TCP by the tables of proc_pid_net(5), where a socket has its inode; Unix sockets by sock_diag(7), which alone knows who
is at the other end. A socket that it has accepted, or that leads to nobody with a name (a pair), is not counted.
"""

from __future__ import annotations

import re
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from tonnage.system.queues import (
    ANSWER,
    ANY_STATE,
    ATTRIBUTE,
    HEADER,
    NETLINK_SOCK_DIAG,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    REQUEST,
    SOCK_DIAG_BY_FAMILY,
)

PROC = Path("/proc")
ESTABLISHED = "01"
NLMSG_DONE = 3
NLM_F_DUMP = 0x300
UDIAG_SHOW_NAME = 0x01
UDIAG_SHOW_PEER = 0x04
UNIX_DIAG_NAME = 0
UNIX_DIAG_PEER = 2
PAGE = 1 << 16


def sockets(pid: int) -> set[int]:
    """Inodes. Raises OSError when the process is gone, or its descriptors are not for us to see."""
    found = set()
    for fd in (PROC / str(pid) / "fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            if match := re.fullmatch(r"socket:\[(\d+)\]", str(fd.readlink())):
                found.add(int(match[1]))
    return found


def peers(pid: int) -> Counter[str]:
    """HOST:PORT, [V6]:PORT or unix:PATH, and how many connections."""
    ours = sockets(pid)
    listening, found = set[str](), Counter[str]()
    for name in ("tcp", "tcp6"):
        with suppress(OSError):  # a kernel without IPv6
            rows = [line.split() for line in (PROC / str(pid) / "net" / name).read_text().splitlines()[1:]]
            listening |= {row[1].rpartition(":")[2] for row in rows if row[3] == "0A" and int(row[9]) in ours}
            for row in rows:
                is_accepted = row[1].rpartition(":")[2] in listening
                if row[3] == ESTABLISHED and int(row[9]) in ours and not is_accepted:
                    found[_tcp(row[2])] += 1
    with suppress(OSError):  # a kernel without unix_diag
        found.update(_unix_peers(ours))
    return found


def _tcp(text: str) -> str:
    """Hexadecimal words in the machine's order, and the port."""
    words, _, port = text.partition(":")
    packed = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    address = ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return f"[{mapped}]:{int(port, 16)}" if mapped.version == 6 else f"{mapped}:{int(port, 16)}"


def _unix_peers(ours: set[int]) -> Iterator[str]:
    known = {inode: (name, peer) for inode, name, peer in _unix_sockets()}
    for inode in ours & known.keys():
        name, peer = known[inode]
        if not name and peer in known and known[peer][0]:
            yield f"unix:{known[peer][0]}"


def _unix_sockets() -> Iterator[tuple[int, str, int]]:
    """(inode, name, inode of the peer) of all that there are in this network namespace."""
    query = REQUEST.pack(socket.AF_UNIX, 0, 0, ANY_STATE, 0, UDIAG_SHOW_NAME | UDIAG_SHOW_PEER, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as netlink:
        flags = NLM_F_REQUEST | NLM_F_DUMP
        netlink.send(HEADER.pack(HEADER.size + len(query), SOCK_DIAG_BY_FAMILY, flags, 1, 0) + query)
        while True:
            data, at = netlink.recv(PAGE), 0
            while at < len(data):
                length, kind, *_ = HEADER.unpack_from(data, at)
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    return
                yield _unix_socket(data[at : at + length])
                at += (length + 3) & ~3


def _unix_socket(message: bytes) -> tuple[int, str, int]:
    inode = ANSWER.unpack_from(message, HEADER.size)[4]
    name, peer = "", 0
    at = HEADER.size + ANSWER.size
    while at + ATTRIBUTE.size <= len(message):
        size, attribute = ATTRIBUTE.unpack_from(message, at)
        value = message[at + ATTRIBUTE.size : at + size]
        if attribute == UNIX_DIAG_NAME:
            abstract = value.startswith(b"\0")
            name = ("@" if abstract else "") + value.strip(b"\0").decode(errors="backslashreplace")
        elif attribute == UNIX_DIAG_PEER:
            (peer,) = struct.unpack_from("=I", value)
        at += (size + 3) & ~3 or ATTRIBUTE.size
    return inode, name, peer
