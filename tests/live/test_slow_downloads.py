"""A client that is slow to take a long answer gets all of it, whatever happens to the server meanwhile."""

import contextlib
import hashlib
import signal
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
ANSWERS = {"/long": bytes(range(256)) * 4096 * 24, "/short": b"short"}

async def application(scope, receive, send):
    assert scope["type"] == "http"
    answer = ANSWERS[scope["path"]]
    headers = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
"""
LAST = [("Connection", "close")]


@pytest.mark.parametrize("fields", [[], LAST], ids=["kept", "close"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("kind", [*WORKERS, *ASGI])
def test_it_is_not_cut_off_by_a_reload(
    tmp_path: Path, kind: str, encrypted: bool, fields: list[tuple[str, str]]
) -> None:
    write_app(tmp_path, ASGI_APP if kind in ASGI else APP)
    authority = Authority(tmp_path) if encrypted else None
    flags = [*{**WORKERS, **ASGI}[kind], *(authority.flags if authority else ())]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve("app", *flags, "--workers", "1", cwd=tmp_path))
        slow, idle = (stack.enter_context(_wire(server, authority)) for _ in range(2))
        assert idle.ask("GET", "/short").text == "short"
        slow.send(request("GET", "/long", fields))
        slow.until(b"\r\n\r\n")
        server.signal(signal.SIGHUP)
        assert idle.at_end()  # what has nothing to wait for has ended: its time is over
        answer = slow.rest()
        assert len(answer) == SIZE
        assert hashlib.sha256(answer).digest() == hashlib.sha256(bytes(range(256)) * 4096 * 24).digest()


def _wire(server: Running, authority: Authority | None) -> Wire:
    return server.connect() if authority is None else SecureWire(server, authority.trust())
