"""A client that is slow to take a long answer gets all of it, whatever happens to the server meanwhile."""

import contextlib
import hashlib
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.apps import write_app
from tests.live.conftest import ASGI, WORKERS
from tests.live.secure import Authority, SecureWire
from tests.live.server import Running, serve
from tests.live.wire import Wire, request

SIZE = 24 << 20  # octets; more than any socket buffer takes
APP = """
ANSWERS = {"/long": bytes(range(256)) * 4096 * 24, "/short": b"short"}

def application(environ, start_response):
    answer = ANSWERS[environ["PATH_INFO"]]
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
"""
ASGI_APP = """
ANSWERS = {"/long": bytes(range(256)) * 4096 * 24, "/short": b"short", "/last": b"last"}

async def application(scope, receive, send):
    assert scope["type"] == "http"
    answer = ANSWERS[scope["path"]]
    headers = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
"""
WHOLE = hashlib.sha256(bytes(range(256)) * 4096 * 24).digest()
LAST = [("Connection", "close")]


@contextlib.contextmanager
def served(directory: Path, kind: str, *flags: str, encrypted: bool) -> Iterator[tuple[Running, Callable[[], Wire]]]:
    """And how to connect to it; the wires are closed before it is told to stop."""
    write_app(directory, ASGI_APP if kind in ASGI else APP)
    authority = Authority(directory) if encrypted else None
    secret = authority.flags if authority else []
    words = [*{**WORKERS, **ASGI}[kind], *flags, *secret]
    with serve("app", *words, cwd=directory) as server, contextlib.ExitStack() as wires:

        def connect() -> Wire:
            wire = server.connect() if authority is None else SecureWire(server, authority.trust())
            return wires.enter_context(wire)

        yield server, connect


@pytest.mark.parametrize("fields", [[], LAST], ids=["kept", "close"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("kind", [*WORKERS, *ASGI])
def test_it_is_not_cut_off_by_a_reload(
    tmp_path: Path, kind: str, encrypted: bool, fields: list[tuple[str, str]]
) -> None:
    with served(tmp_path, kind, "--workers", "1", encrypted=encrypted) as (server, connect):
        slow, idle = connect(), connect()
        assert idle.ask("GET", "/short").text == "short"
        slow.send(request("GET", "/long", fields))
        slow.until(b"\r\n\r\n")
        server.signal(signal.SIGHUP)
        assert idle.at_end()  # what has nothing to wait for has ended: its time is over
        assert is_whole(slow.rest())


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("kind", list(ASGI))
def test_who_takes_nothing_is_let_go_after_write_timeout_and_who_goes_on_taking_is_not(
    tmp_path: Path, kind: str, encrypted: bool
) -> None:
    with served(tmp_path, kind, "--write-timeout", "6", encrypted=encrypted) as (server, connect):
        stuck, slow, other = connect(), connect(), connect()
        host, port = stuck.sock.getsockname()
        for wire in (stuck, slow):
            wire.send(request("GET", "/long", LAST))
        slow.until(b"\r\n\r\n")
        answer = bytearray(slow.receive())
        while "(--write-timeout)" not in server.log.text:
            assert other.ask("GET", "/short").text == "short"
            if len(answer) < SIZE:
                answer += slow.sock.recv(2048)
        assert is_whole(answer + slow.rest())
        with contextlib.suppress(ssl.SSLError):  # there is no goodbye
            assert len(stuck.rest()) < SIZE
        server.log.wait_for(rf"the client \('{host}', {port}\) took nothing of what was left for it for 6s")
        assert server.log.text.count("(--write-timeout)") == 1


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("kind", list(ASGI))
def test_a_connection_is_kept_after_a_long_answer_as_after_a_short_one(
    tmp_path: Path, kind: str, encrypted: bool
) -> None:
    with served(tmp_path, kind, "--head-timeout", "2", encrypted=encrypted) as (_, connect):
        kept, silent = connect(), connect()
        assert is_whole(kept.ask("GET", "/long").body)
        assert silent.at_end()  # deadlines have been looked at meanwhile
        assert kept.ask("GET", "/short").text == "short"


@pytest.mark.parametrize("kind", list(ASGI))
@pytest.mark.parametrize("half", [False, True], ids=["open", "half-closed"])
def test_who_does_not_take_one_answer_is_not_given_the_next(tmp_path: Path, kind: str, half: bool) -> None:
    """Or a client could have any number of long answers made and kept in memory."""
    flags = ["--access-logfile", "-", "--access-logformat", "<%(U)s>"]
    with served(tmp_path, kind, *flags, encrypted=False) as (server, connect):
        greedy, other = connect(), connect()
        greedy.send(request("GET", "/long") * 8 + request("GET", "/last"))
        if half:
            greedy.sock.shutdown(socket.SHUT_WR)
        server.log.wait_for("</long>")
        for _ in range(20):
            assert other.ask("GET", "/short").text == "short"
        server.log.wait_for("</short>", times=20)
        assert server.log.text.count("</long>") == 1
        for _ in range(8):
            assert is_whole(greedy.reply().body)
        assert greedy.reply().text == "last"
        assert not half or greedy.at_end()


def is_whole(answer: bytes | bytearray) -> bool:
    return len(answer) == SIZE and hashlib.sha256(answer).digest() == WHOLE
