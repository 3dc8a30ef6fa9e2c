"""WebSockets through nginx and Caddy, over TCP and over a Unix socket."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, unix_connect

from tests.live.apps import write_app
from tests.live.fronts import Front, caddy, nginx
from tests.live.server import PATIENCE_S, TCP, Running, serve
from tests.live.talkers import APP

FRONTS: dict[str, Front] = {"nginx": nginx, "caddy": caddy}
WAYS = [(front, way) for front in FRONTS for way in ("tcp", "unix")]


@pytest.fixture(params=WAYS, ids="-".join)
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Running, Path]]:
    front, way = request.param
    write_app(tmp_path, APP)
    bind = TCP if way == "tcp" else f"unix:{tmp_path / 'app.sock'}"
    with ExitStack() as stack:
        server = stack.enter_context(serve("app:app", "-k", "asgi", "--workers", "1", cwd=tmp_path, bind=bind))
        yield server, stack.enter_context(FRONTS[front](tmp_path, server.urls[0]))


def connect(front: Path, path: str = "/echo", *, https: bool = False) -> ClientConnection:
    headers = {"X-Scheme": "https"} if https else {}
    return unix_connect(str(front), uri=f"ws://front{path}", open_timeout=PATIENCE_S, additional_headers=headers)


def test_messages_pass_and_both_ends_learn_of_the_close(behind: tuple[Running, Path]) -> None:
    server, front = behind
    with connect(front) as client:
        for message in ("hello", b"\x00" * 70_000, "x" * 1_000_000, ""):
            client.send(message)
            assert client.recv() == message
        client.close(4002, "enough")
    server.log.wait_for("left 4002 'enough' end")
    with connect(front, "/closes") as client, pytest.raises(ConnectionClosed):
        client.recv()
    assert (client.close_code, client.close_reason) == (4001, "enough")


def test_the_scheme_that_the_front_tells_is_believed(behind: tuple[Running, Path]) -> None:
    with connect(behind[1], "/scope", https=True) as client:
        assert json.loads(client.recv())["scheme"] == "wss"


def test_a_refusal_passes_as_a_response(behind: tuple[Running, Path]) -> None:
    with pytest.raises(InvalidStatus) as caught:
        connect(behind[1], "/denied")
    response = caught.value.response
    assert (response.status_code, response.headers["WWW-Authenticate"], response.body) == (
        401,
        "Basic",
        b"who are you?",
    )


def test_a_stop_tells_clients_behind_a_front_to_come_again(behind: tuple[Running, Path]) -> None:
    server, front = behind
    with connect(front) as client:
        server.signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            client.recv()
        assert client.close_code == 1012
        assert server.wait() == 0
