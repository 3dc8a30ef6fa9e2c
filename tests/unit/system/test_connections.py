"""Who a process is connected to, asked of the kernel about this one."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from tonnage.system.connections import peers, sockets

LOOPBACK = {socket.AF_INET: ("127.0.0.1", "127.0.0.1"), socket.AF_INET6: ("::1", "[::1]")}


@pytest.mark.parametrize("family", LOOPBACK)
def test_connections_over_tcp_are_counted_by_address(family: socket.AddressFamily) -> None:
    host, shown = LOOPBACK[family]
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, 0), family=family))
        port = listener.getsockname()[1]
        for _ in range(3):
            stack.enter_context(socket.create_connection((host, port)))
        stack.callback(listener.accept()[0].close)
        assert peers(os.getpid())[f"{shown}:{port}"] == 3, "and what was accepted is none"


def test_a_connection_to_a_v4_address_is_told_as_such_on_a_socket_for_both() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_INET6) as client,
    ):
        port = listener.getsockname()[1]
        client.connect(("::ffff:127.0.0.1", port))
        assert peers(os.getpid())[f"127.0.0.1:{port}"] == 1


@pytest.mark.parametrize("abstract", [False, True])
def test_connections_over_unix_sockets_are_counted_by_path(tmp_path: Path, abstract: bool) -> None:
    path = f"\0tonnage-{os.getpid()}" if abstract else str(tmp_path / "db.sock")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen()
        for _ in range(2):
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(path)
            stack.callback(listener.accept()[0].close)
        assert peers(os.getpid())[f"unix:{path.replace(chr(0), '@')}"] == 2


def test_a_pair_leads_to_nobody() -> None:
    before = peers(os.getpid())
    one, other = socket.socketpair()
    with one, other:
        assert {os.fstat(one.fileno()).st_ino, os.fstat(other.fileno()).st_ino} <= sockets(os.getpid())
        assert peers(os.getpid()) == before


def test_who_is_gone_cannot_be_asked() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(FileNotFoundError):
        peers(pid)
