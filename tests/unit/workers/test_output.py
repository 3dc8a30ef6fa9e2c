"""Pending output against real sockets: order is kept whatever the mixture of memory, spool and files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tonnage.workers.output import MEMORY, Output


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def drain(out: Output, ours: socket.socket, theirs: socket.socket) -> bytes:
    got = bytearray()
    while not out.flush(ours.fileno()):
        got += theirs.recv(1 << 20)
    ours.shutdown(socket.SHUT_WR)
    while data := theirs.recv(1 << 20):
        got += data
    return bytes(got)


def test_memory_spool_and_file_leave_in_the_order_they_came(
    pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"-the file-" * 1000)
    out = Output(str(tmp_path))
    pieces = [os.urandom(100_000) for _ in range(20)]
    for piece in pieces[:10]:
        out.add(piece)
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    out.add_file(fd, 10, 90)
    os.close(fd)  # the application may close its file at once
    for piece in pieces[10:]:
        out.add(memoryview(piece))
    assert out.memory <= MEMORY
    assert out.size == 20 * 100_000 + 90
    expected = b"".join(pieces[:10]) + b"-the file-" * 9 + b"".join(pieces[10:])
    assert drain(out, *pair) == expected
    assert (out.size, out.memory) == (0, 0)
    out.close()


def test_the_spool_is_used_again_after_it_was_emptied(
    pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    ours, theirs = pair
    out = Output(str(tmp_path))
    sent, got = bytearray(), bytearray()
    for turn in range(3):
        block = bytes([turn]) * (2 * MEMORY)
        out.add(block)
        sent += block
        while not out.flush(ours.fileno()):
            got += theirs.recv(1 << 20)
    out.close()
    ours.close()
    while data := theirs.recv(1 << 20):
        got += data
    assert got == sent


def test_no_temporary_file_is_left_behind(tmp_path: Path, pair: tuple[socket.socket, socket.socket]) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    out = Output(str(tmp_path))
    out.add(b"x" * (MEMORY * 2))
    out.close()
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_shrinks_while_it_is_sent_is_an_error_not_an_endless_loop(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket]
) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    out = Output(str(tmp_path))
    with (tmp_path / "f").open("rb") as file:
        out.add_file(file.fileno(), 0, 10)
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(ConnectionAbortedError):
        out.flush(pair[0].fileno())
    out.close()
