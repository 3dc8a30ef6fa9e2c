"""What the control socket and the admin address have in common, with a server that says what it hears."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.live.limits import open_files
from tonnage.config.values import UnixAddress
from tonnage.supervisor.facts import Fact
from tonnage.supervisor.peers import Patience, Peer, PeerServer
from tonnage.supervisor.state import NEVER
from tonnage.system.listeners import open_listeners

LOG = logging.getLogger("tonnage.test")


class Echo(PeerServer[Peer]):
    def __init__(self, path: Path, patience: Patience) -> None:
        self.selector = selectors.DefaultSelector()
        super().__init__(self.selector, LOG, patience)
        self.path = path
        self._serve(open_listeners([UnixAddress(str(path))], backlog=5)[0])

    def _meet(self, sock: socket.socket) -> Peer:
        return Peer(sock)

    def _hear(self, peer: Peer, data: bytes) -> Iterable[Fact]:
        self._send(peer, data)
        return ()

    def look(self) -> int:
        """At what is there now; how much that was."""
        events = self.selector.select(0)
        for key, _ in events:
            key.data()
        return len(events)


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Echo]:
    made = Echo(tmp_path / "echo", Patience(peers=3, unread=1 << 20))
    yield made
    made.close()
    assert not made.selector.get_map()
    made.selector.close()
    assert not made.path.exists()


@pytest.fixture
def sock(echo: Echo) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(60)
        made.connect(str(echo.path))
        yield made


def test_out_of_descriptors_it_rests_instead_of_turning_in_vain_and_says_so_once(
    echo: Echo, sock: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    with open_files(0):
        for _ in range(3):
            assert echo.look() == 1
            assert echo.look() == 0  # the loop sleeps, although somebody waits
            assert echo.next_at < NEVER
            echo.turn(echo.next_at)
    assert [record.getMessage().partition(". ")[0] for record in caplog.records] == [
        f"Nobody new is answered at unix:{echo.path} for now: Too many open files"
    ]
    assert echo.look() == 1
    sock.sendall(b"at last")
    assert echo.look() == 1
    assert sock.recv(100) == b"at last"
    assert echo.next_at == NEVER


def test_it_can_be_closed_while_it_rests(echo: Echo, sock: socket.socket) -> None:
    with open_files(0):
        echo.look()
    echo.close()
    assert echo.next_at == NEVER
    with pytest.raises(ConnectionResetError):
        sock.recv(1)


def test_who_does_not_read_is_not_read_from_and_loses_nothing(echo: Echo, sock: socket.socket) -> None:
    echo.look()
    sock.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += sock.send(b"x" * 65536)
            echo.look()
    found = 0
    while found < sent:
        found += len(sock.recv(1 << 20))
        while echo.look():
            pass
    assert found == sent


def test_what_is_told_without_being_asked_is_kept_up_to_a_limit(echo: Echo, sock: socket.socket) -> None:
    echo.look()
    (peer,) = echo._peers
    while peer in echo._peers:
        echo._send(peer, b"x" * 65536)
    assert 1 << 20 < len(peer.unsent) <= (1 << 20) + 65536
    assert sock.recv(1) == b"x"
