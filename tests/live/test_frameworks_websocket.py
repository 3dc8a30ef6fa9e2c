"""The same frameworks' WebSockets: each conversation is the one that uvicorn has, and its end is told."""

from pathlib import Path

import pytest

from tests.live.apps import Note, write_app
from tests.live.asgi import FRAMEWORKS, Both, serve_asgi
from tests.live.asgi_visits import converse, converse_in_octets, web_socket
from tests.live.server import PATIENCE_S
from tests.live.talkers import connect


def echo(framework: str) -> str:
    return "/echo?text" if framework == "falcon" else "/echo"  # Falcon's users say what they expect


def test_a_websocket_conversation_is_the_one_that_uvicorn_has(both: Both) -> None:
    heard = converse(both.ours, echo(both.framework))
    assert heard == converse(both.theirs, echo(both.framework))
    assert heard[:2] == ["chat", "hello"]
    assert converse_in_octets(both.ours) == converse_in_octets(both.theirs)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_application_learns_that_its_client_has_left(tmp_path: Path, framework: str) -> None:
    closed = Note(write_app(tmp_path, "") / "closed")
    with serve_asgi(framework, cwd=tmp_path) as server:
        with connect(web_socket(server.urls[0], echo(framework))) as socket:
            socket.send("hello")
            socket.recv(PATIENCE_S)
        assert closed.read() == "1000"
