"""The client of a measurement, against servers that answer as they like."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tonnage.capacity.visits import UnansweredError, Visitor

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def answering(path: Path, *answers: Callable[[socket.socket], None]) -> Iterator[list[int]]:
    """Each connection gets the next answer; yields how many requests came on each."""
    asked = list[int]()

    def serve() -> None:
        for answer in answers:
            sock, _ = listener.accept()
            asked.append(0)
            with sock, suppress(OSError):
                while b"\r\n\r\n" in sock.recv(65536):
                    asked[-1] += 1
                    answer(sock)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield asked
        finally:
            thread.join()


def whole(sock: socket.socket) -> None:
    sock.sendall(HEAD + b"abc")


def pieces(sock: socket.socket) -> None:
    sock.sendall(CHUNKED + b"1\r\na\r\n")
    sock.sendall(b"2\r\nbc\r\n0\r\n\r\n")


def once(sock: socket.socket) -> None:
    whole(sock)
    sock.shutdown(socket.SHUT_RDWR)


def nothing(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_RDWR)


def cut(sock: socket.socket) -> None:
    sock.sendall(HEAD + b"a")
    sock.shutdown(socket.SHUT_RDWR)


def endless(sock: socket.socket) -> None:
    """Never silent for as long as the client waits."""
    sock.sendall(CHUNKED)
    gone = threading.Event()
    while not gone.wait(0.01):
        sock.sendall(b"1\r\na\r\n")


def test_answers_of_both_framings_leave_the_connection_for_the_next(tmp_path: Path) -> None:
    turns = iter((whole, pieces, whole, pieces))

    def in_turn(sock: socket.socket) -> None:
        next(turns)(sock)

    with answering(tmp_path / "s", in_turn) as asked:
        visitor = Visitor(tmp_path / "s", "localhost", 60)
        assert [visitor.get("/").status for _ in range(4)] == [200] * 4
        visitor.close()
    assert asked == [4]


def test_a_kept_connection_that_was_closed_is_opened_anew(tmp_path: Path) -> None:
    with answering(tmp_path / "s", once, once) as asked:
        visitor = Visitor(tmp_path / "s", "localhost", 60)
        assert [visitor.get("/").status for _ in range(2)] == [200] * 2
        visitor.close()
    assert asked == [1, 1]


@pytest.mark.parametrize("answer", [nothing, cut])
def test_who_closes_a_new_connection_without_an_answer_is_not_asked_again(
    tmp_path: Path, answer: Callable[[socket.socket], None]
) -> None:
    with answering(tmp_path / "s", answer) as asked:
        visitor = Visitor(tmp_path / "s", "localhost", 60)
        with pytest.raises(UnansweredError, match="GET /x is not answered: ") as caught:
            visitor.get("/x")
    assert (asked, caught.value.is_late) == ([1], False)


def test_an_answer_that_never_ends_is_left_when_the_time_is_over_and_not_asked_for_again(tmp_path: Path) -> None:
    with answering(tmp_path / "s", endless) as asked:
        visitor = Visitor(tmp_path / "s", "localhost", 0.2)
        with pytest.raises(UnansweredError, match=r"is not answered to the end within 0\.2 s") as caught:
            visitor.get("/events")
    assert (asked, caught.value.is_late) == ([1], True)
