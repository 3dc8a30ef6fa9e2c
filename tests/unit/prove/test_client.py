"""The instrument itself: each way in which a server can fail a client is called by its name, and none is missed.

The server of these tests is a script: it takes connections and does with each what the test says.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prove.load import Load
from prove.outcomes import Failure, Outcome, Record
from prove.ways import Way
from prove.wire import Question

Script = Callable[[socket.socket], object]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by reset
PATIENCE_S = 2.0


@contextlib.contextmanager
def served(script: Script, address: str = "") -> Iterator[str]:
    """The script gets each connection in turn, in one thread."""
    listener = socket.socket(socket.AF_UNIX if address else socket.AF_INET)
    listener.bind(address or ("127.0.0.1", 0))
    listener.listen()

    def take() -> None:
        with contextlib.suppress(OSError):  # the listener was shut down: the test is over
            while True:
                with listener.accept()[0] as connection:
                    script(connection)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield address or f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def one(address: str, method: str = "GET", *, keep: bool = False, count: int = 1, patience_s: float = 60.0) -> Record:
    """Kept connections are asked again a third of a second later and more: the machine may stand still meanwhile."""
    way = Way("the way", address, method, keep, rate=2 if keep else 50, population=1, count=count)
    with Load([way], patience_s) as load:
        return load.finish()


def request(connection: socket.socket) -> tuple[str, bytes]:
    """Its path and content; ("", b"") at the end of the connection."""
    with connection.makefile("rb") as file:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = file.readline()
            if not line:
                return "", b""
            head += line
        _, marked, rest = head.partition(b"Content-Length: ")
        return head.split()[1].decode(), file.read(int(rest.split()[0])) if marked else b""


def right(connection: socket.socket, extra: str = "") -> bytes:
    path, content = request(connection)
    question = Question.ask("POST" if content else "GET", path, keep=False, content=len(content))
    body = question.answer + b"1 4711\n"
    return f"HTTP/1.1 200 OK\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answer(connection: socket.socket, extra: str = "") -> None:
    connection.sendall(right(connection, extra))


def failure(record: Record) -> Failure:
    assert record.requests == 1
    (found,) = record.failures
    return found


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_right_answer_is_ok(method: str) -> None:
    with served(answer) as address:
        record = one(address, method, count=3)
    assert record.counts == {Outcome.OK: 3}
    assert list(record.last_of) == ["1"]
    assert record.processes == {"4711": 3}
    assert len(record.latency_s) == len(record.due) == 3
    assert all(latency > 0 for latency in record.latency_s)


def test_a_unix_socket_is_a_way_too(tmp_path: Path) -> None:
    with served(answer, str(tmp_path / "socket")) as address:
        assert one(address).counts == {Outcome.OK: 1}


def test_nobody_listens(tmp_path: Path) -> None:
    with served(answer) as address:
        pass
    assert failure(one(address)).outcome is Outcome.REFUSED
    assert failure(one(str(tmp_path / "no-socket"))).detail == "ENOENT"


def test_closed_without_a_word() -> None:
    with served(request) as address:
        found = failure(one(address))
    assert (found.outcome, found.received, found.kept) == (Outcome.CLOSED, 0, False)
    assert found.due <= found.sent <= found.ended


def test_closed_in_the_middle_of_an_answer() -> None:
    with served(lambda connection: connection.sendall(right(connection)[:-1])) as address:
        found = failure(one(address))
    assert (found.outcome, found.detail) == (Outcome.CLOSED, "in the middle of the answer")


def test_reset() -> None:
    def script(connection: socket.socket) -> None:
        request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    with served(script) as address:
        found = failure(one(address))
    assert (found.outcome, found.detail) == (Outcome.RESET, "ECONNRESET")


def test_no_answer_in_time_counts_as_a_latency_too() -> None:
    gate = threading.Event()
    with served(lambda connection: request(connection) and gate.wait()) as address:
        record = one(address, patience_s=PATIENCE_S)
        gate.set()
    assert failure(record).outcome is Outcome.TIMEOUT
    assert record.latency_s[0] >= PATIENCE_S


def test_another_status() -> None:
    def script(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    with served(script) as address:
        found = failure(one(address))
    assert (found.outcome, found.detail) == (Outcome.STATUS, "502")


@pytest.mark.parametrize("octets", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", b"SSH-2.0-OpenSSH\r\n\r\n"])
def test_another_answer(octets: bytes) -> None:
    def script(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(octets)

    with served(script) as address:
        assert failure(one(address)).outcome is Outcome.BODY


def test_a_kept_connection_is_used_again() -> None:
    connections: list[socket.socket] = []

    def script(connection: socket.socket) -> None:
        connections.append(connection)
        for _ in range(3):
            answer(connection)

    with served(script) as address:
        assert one(address, keep=True, count=3).counts == {Outcome.OK: 3}
    assert len(connections) == 1


def test_a_kept_connection_that_ends_between_two_requests_is_no_failure() -> None:
    with served(answer) as address:
        record = one(address, keep=True, count=3)
    assert (record.counts, record.closed_idle) == ({Outcome.OK: 3}, 2)


def test_a_kept_connection_that_announced_its_end_is_not_used_again() -> None:
    with served(lambda connection: answer(connection, "Connection: close\r\n")) as address:
        record = one(address, keep=True, count=3)
    assert (record.counts, record.closed_idle) == ({Outcome.OK: 3}, 0)


def test_a_kept_connection_that_ends_after_the_request_was_sent_is_a_failure() -> None:
    def script(connection: socket.socket) -> None:
        answer(connection)
        request(connection)

    with served(script) as address:
        record = one(address, keep=True, count=2)
    (found,) = record.failures
    assert (found.outcome, found.kept) == (Outcome.CLOSED, True)


def test_requests_are_sent_when_they_are_due_whatever_became_of_the_others() -> None:
    """Three clients come at their times; the server looks at the first only when all of them are there."""
    waiting: list[tuple[socket.socket, bytes]] = []

    def script(connection: socket.socket) -> None:
        waiting.append((connection.dup(), right(connection)))
        if len(waiting) == 3:
            for held, octets in waiting:
                held.sendall(octets)
                held.close()

    with served(script) as address:
        record = one(address, keep=True, count=3)
    assert record.counts == {Outcome.OK: 3}
    first, _, last = [latency for _, latency in sorted(zip(record.due, record.latency_s, strict=True))]
    assert first > last
