"""Is the one who holds an address a running Tonnage?

Two ways to know, the silent one first. The kernel says which process listens (/proc for TCP, SO_PEERCRED for a Unix
socket), and that one's command line is looked at. Where it may not be looked at, a line that is no HTTP is sent: a
Tonnage refuses it under its own name, without calling the application.
"""

from __future__ import annotations

import re
import socket
import struct
from pathlib import Path

from tonnage.config.values import Address, FdAddress, TcpAddress, UnixAddress
from tonnage.system.holders import tcp_holder

PATIENCE_S = 2.0  # a refusal takes a millisecond, unless every worker is busy
NO_HTTP = b"tonnage check\r\n\r\n"
OURS = re.compile(rb"(?:^|[/\0])tonnage(?:\0|: |$)")  # .../bin/tonnage, -m tonnage, `tonnage: supervisor [name]`


def running_tonnage(address: Address) -> str | None:
    """Who it is, in words; None when it is somebody else, nobody, or cannot be known."""
    if isinstance(address, FdAddress):
        return None
    pid = _listener(address)
    if pid is not None and _is_tonnage(pid):
        return f"process {pid}"
    return "a process that refuses as Tonnage does" if _refuses_as_tonnage(address) else None


def _listener(address: TcpAddress | UnixAddress) -> int | None:
    if isinstance(address, TcpAddress):
        holder = tcp_holder(address.port)
        return holder.pid if holder else None
    try:
        with _connect(address) as sock:
            credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return None
    pid: int = struct.unpack("3i", credentials)[0]
    return pid or None  # 0: in a pid namespace that we do not see


def _is_tonnage(pid: int) -> bool:
    try:
        return OURS.search(Path(f"/proc/{pid}/cmdline").read_bytes()) is not None
    except OSError:
        return False


def _refuses_as_tonnage(address: TcpAddress | UnixAddress) -> bool:
    try:
        with _connect(address) as sock:
            sock.sendall(NO_HTTP)
            return b"\r\nServer: tonnage\r\n" in sock.recv(4096)
    except OSError:
        return False


def _connect(address: TcpAddress | UnixAddress) -> socket.socket:
    if isinstance(address, TcpAddress):
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104
        return socket.create_connection((host, address.port), timeout=PATIENCE_S)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE_S)
    try:
        sock.connect(address.path)
    except OSError:
        sock.close()
        raise
    return sock
