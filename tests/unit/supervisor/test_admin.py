"""The admin address, with friends, slow peers and enemies. Nothing runs by itself: the test turns the loop."""

from __future__ import annotations

import logging
import selectors
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import h11
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tonnage.config.values import Address, TcpAddress, UnixAddress
from tonnage.control.overview import Overview
from tonnage.errors import BindError
from tonnage.supervisor import admin
from tonnage.supervisor.admin import MOST_PEERS, PATIENCE_S, Admin, Pages
from tonnage.supervisor.state import NEVER

LOG = logging.getLogger("tonnage.test")
SEEN = Overview("0.1.0", 1, "serving", 1, 2, 9.0, (), ())
LIVE = b"GET /-/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Stage:
    def __init__(self, address: Address) -> None:
        self.selector = selectors.DefaultSelector()
        self.admin = Admin(self.selector, LOG, lambda: SEEN)
        self.admin.open(Pages(address))
        (key,) = self.selector.get_map().values()
        assert isinstance(key.fileobj, socket.socket)
        self.listener = key.fileobj
        self.peers: list[socket.socket] = []

    def connect(self) -> socket.socket:
        sock = socket.socket(self.listener.family)
        sock.settimeout(10)
        sock.connect(self.listener.getsockname())
        self.peers.append(sock)
        self.turn()
        return sock

    def turn(self) -> None:
        while events := self.selector.select(0.005):
            for key, _ in events:
                key.data()

    def ask(self, data: bytes) -> bytes:
        """What comes back at once, to the end of what there is."""
        sock = self.connect()
        sock.sendall(data)
        self.turn()
        sock.setblocking(False)
        return drain(sock)

    @property
    def open(self) -> int:
        return len(self.selector.get_map())

    def close(self) -> None:
        self.admin.close()
        for sock in self.peers:
            sock.close()
        self.selector.close()


def drain(sock: socket.socket) -> bytes:
    found = b""
    try:
        while data := sock.recv(1 << 20):
            found += data
    except (BlockingIOError, ConnectionResetError):
        pass
    return found


@pytest.fixture(params=["tcp", "unix"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(TcpAddress("127.0.0.1", 0) if request.param == "tcp" else UnixAddress(str(tmp_path / "admin")))
    yield made
    made.close()


def statuses(data: bytes) -> list[int]:
    """As h11 reads them."""
    found = []
    while data:
        judge = h11.Connection(h11.CLIENT)
        judge.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        judge.send(h11.EndOfMessage())
        judge.receive_data(data)
        while not isinstance(event := judge.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                found.append(event.status_code)
        data = judge.trailing_data[0]
    return found


def test_a_connection_is_kept_and_a_peer_that_asks_for_its_end_gets_it(stage: Stage) -> None:
    sock = stage.connect()
    for _ in range(3):
        sock.sendall(LIVE)
        stage.turn()
        assert sock.recv(4096).endswith(b"\r\n\r\nlive\n")
    assert stage.open == 2
    sock.sendall(LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    stage.turn()
    assert sock.recv(4096).endswith(b"live\n")
    assert sock.recv(4096) == b""
    assert stage.open == 1


def test_a_request_may_come_octet_by_octet_and_many_at_once(stage: Stage) -> None:
    sock = stage.connect()
    for octet in LIVE:
        sock.sendall(bytes([octet]))
        stage.turn()
    assert statuses(sock.recv(4096)) == [200]
    assert statuses(stage.ask(LIVE * 100)) == [200] * 100


def test_content_is_read_away_and_too_much_of_it_refused(stage: Stage) -> None:
    head = b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    assert statuses(stage.ask(head % 3 + b"abc" + LIVE)) == [405, 200]
    assert statuses(stage.ask(head % (1 << 30))) == [413]


def test_who_was_talked_into_a_name_for_this_machine_is_sent_away(stage: Stage) -> None:
    expected = 200 if stage.listener.family == socket.AF_UNIX else 421  # no browser comes to a file
    assert statuses(stage.ask(LIVE.replace(b"localhost", b"evil.example"))) == [expected]


def test_nonsense_is_refused_and_the_peer_dropped(stage: Stage) -> None:
    assert statuses(stage.ask(b"\x16\x03\x01\r\n\r\n")) == [400]
    assert statuses(stage.ask(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n")) == [414]
    assert stage.open == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.binary(max_size=50).map(lambda tail: LIVE[:-2] + tail))
def test_nothing_that_is_sent_breaks_the_supervisor(stage: Stage, data: bytes) -> None:
    stage.ask(data)
    assert statuses(stage.ask(LIVE)) == [200]
    while stage.peers:
        stage.peers.pop().close()
    stage.turn()
    assert stage.open == 1


def test_who_does_not_read_does_not_make_us_wait_and_is_not_answered_further(stage: Stage) -> None:
    slow = stage.connect()
    slow.setblocking(False)
    request = LIVE.replace(b"/-/live", b"/uplot.js")
    with suppress(BlockingIOError):
        while True:
            slow.send(request * 100)
            stage.turn()
    (peer,) = stage.admin._peers
    assert len(peer.unsent) < 1 << 20
    assert statuses(stage.ask(LIVE)) == [200]
    stage.admin.turn(peer.deadline + 0.001)
    assert peer not in stage.admin._peers


def test_who_sends_half_a_request_is_dropped_when_its_time_is_up(stage: Stage) -> None:
    sock = stage.connect()
    sock.sendall(LIVE[:10])
    stage.turn()
    due = stage.admin.next_at
    stage.admin.turn(due - 0.001)
    assert stage.open == 2
    stage.admin.turn(due)
    assert stage.open == 1
    assert sock.recv(1) == b""
    assert stage.admin.next_at == NEVER
    assert PATIENCE_S < admin.IDLE_S


def test_half_a_request_does_not_last_longer_for_coming_octet_by_octet(stage: Stage) -> None:
    sock = stage.connect()
    due = stage.admin.next_at
    for octet in LIVE[:5]:
        sock.sendall(bytes([octet]))
        stage.turn()
    assert stage.admin.next_at == due


def test_of_too_many_the_oldest_goes_and_the_newest_is_answered(stage: Stage) -> None:
    crowd = [stage.connect() for _ in range(MOST_PEERS)]
    assert statuses(stage.ask(LIVE)) == [200]
    assert crowd[0].recv(1) == b""
    assert stage.open == 1 + MOST_PEERS


def test_an_address_that_is_taken_is_refused_by_its_flag(stage: Stage) -> None:
    name = stage.listener.getsockname()
    address = UnixAddress(name) if isinstance(name, str) else TcpAddress(*name)
    with pytest.raises(BindError, match="--admin-bind"):
        Admin(stage.selector, LOG, lambda: SEEN).open(Pages(address))


@pytest.mark.parametrize(("host", "loud"), [("0.0.0.0", True), ("127.0.0.1", False), ("::1", False)])
def test_an_address_that_others_reach_is_warned_about(host: str, loud: bool, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(TcpAddress(host, 0))
    stage.close()
    assert ("--admin-bind" in caplog.text) is loud


def test_a_forked_child_closes_it_and_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "admin"
    stage = Stage(UnixAddress(str(path)))
    stage.connect()
    stage.admin.forget()
    assert path.is_socket()
    stage.close()
