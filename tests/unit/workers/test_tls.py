"""Sessions on a real pair of sockets with little room, against a client whose octets are moved by hand."""

import os
import random
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tonnage.errors import RemoteProtocolError
from tonnage.workers.output import Output
from tonnage.workers.tls import Session, Sessions

ROOM = 4096  # octets that a socket takes, or few more


class Pair:
    """A server's session on one end; the client's TLS in memory, and its socket, on the other."""

    def __init__(self) -> None:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        self.ours, self.theirs = socket.socketpair()
        for sock in (self.ours, self.theirs):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        self.fd = self.ours.fileno()
        self.sessions = Sessions(ragged=True)
        self.sessions.add(self.fd, context)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = trust.wrap_bio(self._in, self._out, server_hostname="127.0.0.1")

    @property
    def session(self) -> Session:
        return self.sessions.open[self.fd]

    def shake(self) -> None:
        done = False
        while not done or not self.session.shaken:
            try:
                self.client.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            self.send()
            if not self.session.shaken:
                self.session.shake()
            self.take(65536)

    def send(self) -> None:
        """What the client has encrypted."""
        if self._out.pending:
            self.theirs.setblocking(True)
            self.theirs.sendall(self._out.read())
            self.theirs.setblocking(False)

    def take(self, most: int) -> bytes:
        """What the client makes of so many octets from its socket."""
        try:
            self._in.write(self.theirs.recv(most))
        except BlockingIOError:
            return b""
        pieces = []
        try:
            while piece := self.client.read(65536):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        return b"".join(pieces)

    def push(self, data: bytes) -> int:
        try:
            return self.sessions.line.write(self.fd, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_client_is_slow_to_take_arrives_once_and_in_order(pair: Pair, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    pair.shake()
    out = Output(str(tmp_path), pair.sessions.line)
    sent, seen = [], []
    for number in range(8):
        data = chance.randbytes(chance.choice([1, 100, 16384, 16385, 70_000, 200_000]))
        sent.append(data)
        if chance.random() < 0.4:
            (tmp_path / f"file{number}").write_bytes(b"before" + data + b"after")
            file = os.open(tmp_path / f"file{number}", os.O_RDONLY)
            out.add_file(file, 6, len(data))
            os.close(file)
        else:
            out.add(data)
        if chance.random() < 0.5:
            out.flush(pair.fd)
        seen.append(pair.take(chance.randrange(1, 30_000)))
    while not out.flush(pair.fd):
        seen.append(pair.take(chance.randrange(1, 30_000)))
    while piece := pair.take(65536):
        seen.append(piece)
    assert b"".join(seen) == b"".join(sent)
    out.close()


def test_a_write_that_the_socket_does_not_take_is_reported_when_it_has_gone(pair: Pair) -> None:
    pair.shake()
    data = bytes(200_000)
    gone = pair.push(data)
    assert gone < len(data)
    assert pair.push(data[gone:]) == 0
    seen = 0
    while gone < len(data):
        seen += len(pair.take(65536))
        gone += pair.push(data[gone:])
    while more := len(pair.take(65536)):
        seen += more
    assert seen == gone == len(data)


def test_all_that_has_come_is_read_at_once(pair: Pair) -> None:
    pair.shake()
    pair.client.write(bytes(16384))
    pair.client.write(b"end")
    pair.ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    pair.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    pair.send()
    assert pair.sessions.line.read(pair.fd, 65536) == bytes(16384) + b"end"
    with pytest.raises(BlockingIOError):
        pair.sessions.line.read(pair.fd, 65536)


def test_an_end_behind_what_was_read_is_not_forgotten(pair: Pair) -> None:
    pair.shake()
    pair.client.write(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        pair.client.unwrap()
    pair.send()
    assert pair.sessions.line.read(pair.fd, 65536) == b"last words"
    assert pair.session.ended
    assert pair.sessions.line.read(pair.fd, 65536) == b""


@pytest.mark.parametrize("whole", [True, False])
def test_after_the_end_nothing_is_said_and_only_a_whole_answer_had_a_goodbye(pair: Pair, whole: bool) -> None:
    pair.shake()
    pair.sessions.line.write(pair.fd, b"answer")
    pair.session.end(whole=whole)
    with pytest.raises(BrokenPipeError):
        pair.sessions.line.write(pair.fd, b"never in the clear")
    pair.theirs.send(b"anything")
    assert pair.sessions.line.read(pair.fd, 65536) == b"anything", "read away as it comes"
    pair.ours.close()
    assert pair.take(65536) == b"answer"
    if whole:
        assert pair.client.read(1) == b""
    else:
        with pytest.raises(ssl.SSLWantReadError):
            pair.client.read(1)


def test_what_is_not_whole_on_the_socket_has_no_goodbye(pair: Pair) -> None:
    pair.shake()
    assert pair.push(bytes(200_000)) < 200_000
    pair.session.end(whole=True)
    seen = 0
    while piece := pair.take(65536):
        seen += len(piece)
    assert seen < 200_000
    with pytest.raises(ssl.SSLWantReadError):
        pair.client.read(1)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n", b"P"])
def test_http_is_known_by_its_first_octet(pair: Pair, said: bytes) -> None:
    pair.theirs.send(said)
    with pytest.raises(RemoteProtocolError) as refused:
        pair.session.shake()
    assert refused.value.advice == "this port speaks TLS; ask for https:// instead of http://"


def test_a_client_that_leaves_before_it_has_shaken_hands_is_gone(pair: Pair) -> None:
    pair.theirs.close()
    with pytest.raises(ConnectionAbortedError):
        pair.session.shake()


def test_a_descriptor_without_a_session_is_in_the_clear(pair: Pair) -> None:
    del pair.sessions.open[pair.fd]
    assert pair.sessions.line.write(pair.fd, b"plain") == 5
    assert pair.theirs.recv(100) == b"plain"
