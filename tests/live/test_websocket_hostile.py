"""Clients that mean harm, or are slow, or tell more than anybody can hear: refused, held back, and forgotten."""

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.apps import write_app
from tests.live.census import Census, facts
from tests.live.server import Running, serve
from tests.live.talkers import APP, FIELDS, talk
from tests.live.wire import Wire, request
from tests.unit.http.frames import BINARY, CLOSE, CONT, PING, TEXT, close, deflate, frame, text
from tests.unit.http.test_websocket import DEFLATED_HOSTILE, HOSTILE

ASGI = ("app:app", "--worker-class", "asgi", "--workers", "1", "--ws-max-size", "200")
DEFLATE = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    write_app(tmp_path, APP)
    with serve(*ASGI, cwd=tmp_path) as running:
        yield running


def test_every_hostile_frame_is_refused_with_its_code_and_leaves_nothing_behind(server: Running) -> None:
    census = Census(server)
    plain = [(data, code, ()) for data, code in HOSTILE.values()]
    deflated = [(data, code, (DEFLATE,)) for data, code in DEFLATED_HOSTILE.values() if code != 1009]
    for data, code, fields in plain + deflated:
        one = talk(server, "/echo", *fields)
        one.send(data, text("after"))
        answer = one.read()
        assert answer is not None
        assert (answer[0], int.from_bytes(answer[1][:2])) == (0x80 | CLOSE, code)
        assert one.read() is None
        one.wire.close()
        server.log.wait_for(rf"left {code} ")
    bomb = talk(server, "/echo", DEFLATE)
    bomb.send(frame(BINARY, deflate(bytes(100_000_000)), rsv=4))
    answer = bomb.read()
    assert answer is not None
    assert int.from_bytes(answer[1][:2]) == 1009
    bomb.wire.close()
    census.wait_until_back()
    good = talk(server)
    good.send(text("hello"))
    assert good.read() == (0x80 | TEXT, b"hello")


def test_a_close_reaches_a_client_that_is_still_sending(server: Running) -> None:
    one = talk(server)
    one.send(frame(BINARY, b"x" * 300_000))
    answer = one.read()
    assert answer is not None
    assert int.from_bytes(answer[1][:2]) == 1009
    assert one.read() is None


def test_garbage_in_place_of_frames_is_survived(server: Running) -> None:
    census = Census(server)
    for i in range(50):
        wire = server.connect()
        wire.send(request("GET", "/echo", FIELDS))
        wire.until(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            wire.send(os.urandom(1 + i * 37))
            wire.sock.shutdown(socket.SHUT_WR)
        wire.rest()
        wire.close()
    census.wait_until_back()


def test_clients_that_leave_in_every_way_leave_nothing_behind(server: Running) -> None:
    census = Census(server)
    reset = b"\x01\0\0\0\0\0\0\0"
    for path in ("/echo", "/deaf", "/refused", "/stuck"):
        for last in (b"", text("x")[:3], close(1000), frame(TEXT, b"x", fin=False)):
            for abruptly in (False, True):
                wire = server.connect()
                wire.send(request("GET", path, FIELDS) + last)
                if path in ("/echo", "/deaf"):
                    wire.until(b"\r\n\r\n")
                if abruptly:
                    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                wire.close()
    census.wait_until_back()


@pytest.mark.parametrize("flood", [frame(PING), frame(BINARY), frame(PING, b"x" * 125), frame(CONT, b"", fin=False)])
def test_a_flood_of_small_frames_does_not_keep_the_others_waiting(server: Running, flood: bytes) -> None:
    """The flooder reads nothing: its pongs and echoes pile up until it is not read any more."""
    census = Census(server)
    one = talk(server)
    if flood[0] & 0xF == CONT:
        one.send(frame(TEXT, b"", fin=False))
    sent = Sender(one.wire, flood * (65536 // len(flood)), most=3000)
    for _ in range(30):
        assert facts(server)["pid"] == census.start["pid"]
    sent.stop()
    census.wait_until_back()


def test_who_takes_nothing_is_sent_nothing(server: Running) -> None:
    census = Census(server)
    one = talk(server, "/floods")
    told = census.settled("messages")
    assert 0 < told["messages"] < 2000, "65 kB each; the whole flood is 20,000"
    for _ in range(told["messages"]):
        assert one.read() == (0x80 | BINARY, bytes(65536))
    assert census.settled("messages")["messages"] > told["messages"]
    one.wire.close()
    server.log.wait_for("could not send: ClientLeftError")
    census.wait_until_back()


def test_who_takes_nothing_for_too_long_is_let_go(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    with serve(*ASGI, "--write-timeout", "1", cwd=tmp_path) as server:
        one = talk(server, "/floods")
        server.log.wait_for(r"the client took nothing for 1s \(--write-timeout\) at the WebSocket GET /floods")
        server.log.wait_for("could not send: ClientLeftError")
        with contextlib.suppress(ConnectionResetError, AssertionError):  # what had left before
            while one.read() is not None:
                pass


def test_an_application_that_does_not_listen_is_not_drowned(server: Running) -> None:
    one = talk(server, "/deaf")
    sent = Sender(one.wire, frame(BINARY, b"x" * 200) * 300, most=3000)
    while True:
        before = sent.octets
        for _ in range(20):
            facts(server)
        if before and sent.octets == before:
            break
    assert before < 32 << 20, "of 185 MB that there were to send"
    sent.stop()
    server.signal(signal.SIGQUIT)  # or it would wait for the application, which does not listen to that either


class Sender:
    """Sends the same octets again and again, in a thread, and reads nothing."""

    def __init__(self, wire: Wire, data: bytes, most: int) -> None:
        self.octets = 0
        self._wire = wire
        self._data = data
        self._most = most
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(self._most):
                rest = memoryview(self._data)
                while rest:
                    select.select([], [self._wire.sock], [])
                    count = self._wire.sock.send(rest, socket.MSG_DONTWAIT)
                    self.octets += count
                    rest = rest[count:]

    def stop(self) -> None:
        with contextlib.suppress(OSError):  # it may have been hung up on
            self._wire.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._wire.close()
