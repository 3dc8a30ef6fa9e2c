"""Clients that got an answer and keep their connection without a word, as browsers and proxies do."""

import contextlib
import select
import socket
from collections.abc import Callable, Iterator
from typing import TypeAlias

from . import sockets
from .cases import Case

PATIENCE_S = 5.0  # for one connection and its one answer
Greeting: TypeAlias = Callable[[], socket.socket]  # a connection that has had its answer


class Idle:
    """Connections, opened one after the other; `problem` says why there are fewer than asked for."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.problem = ""

    def open(self, count: int, greet: Greeting) -> None:
        try:
            for _ in range(count):
                self.sockets.append(greet())
        except OSError as exc:
            self.problem = f"connection {len(self.sockets) + 1:,}: {exc}"

    def lost(self) -> int:
        """How many the server has closed: an idle connection is readable at its end only."""
        poll = select.poll()
        for sock in self.sockets:
            poll.register(sock, select.POLLIN | select.POLLRDHUP)
        return len(poll.poll(0))

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


def greeting(case: Case, port: int, answer: bytes) -> Greeting:
    if case.is_websocket:
        return lambda: _echoed(case, port)
    lines = [f"GET {case.path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{n}: {v}" for n, v in case.fields.items())]
    request = "\r\n".join([*lines, "", ""]).encode()
    return lambda: _answered(request, answer, port)


def _echoed(case: Case, port: int) -> socket.socket:
    sock = sockets.open_socket(case, port)
    sockets.ask(sock)
    return sock


def _answered(request: bytes, answer: bytes, port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    _exchange(sock, request, answer)
    return sock


def _exchange(sock: socket.socket, request: bytes, answer: bytes) -> None:
    sock.sendall(request)
    received = b""
    while not received.endswith(b"\r\n\r\n" + answer):
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionResetError("closed without the whole answer")
        received += piece


@contextlib.contextmanager
def idle_connections(count: int, greet: Greeting) -> Iterator[Idle]:
    idle = Idle()
    try:
        idle.open(count, greet)
        yield idle
    finally:
        idle.close()
