"""Answers that take their time: each piece reaches the client before the app makes the next one."""

from pathlib import Path

import pytest

from tests.live.apps import Gate, write_app
from tests.live.server import serve
from tests.live.sites import Site
from tests.live.wire import request

pytestmark = pytest.mark.timeout(600)  # the first test makes a site, which a busy machine may take minutes for

APP = """
from gates import pass_gate

def generator(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    yield b"data: first\\n\\n"
    pass_gate("seen")
    yield b"data: second\\n\\n"

def write(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"data: first\\n\\n")
    pass_gate("seen")
    write(b"data: second\\n\\n")
    return []

def length(environ, start_response):
    start_response("200 OK", [("Content-Length", "27")])
    yield b"data: first\\n\\n"
    pass_gate("seen")
    yield b"data: second\\n\\n"

def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

class endless:
    def __init__(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
    def __iter__(self):
        return self
    def __next__(self):
        return bytes(65536)
    def close(self):
        pass_gate("closed")

def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)
"""


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    write_app(tmp_path, APP)
    return Gate(tmp_path, "seen")


@pytest.mark.parametrize("path", ["/generator", "/write", "/length"])
def test_the_second_piece_is_made_only_after_the_client_has_the_first(
    tmp_path: Path, workers: list[str], bind: str, gate: Gate, path: str
) -> None:
    with serve("app", *workers, cwd=tmp_path, bind=bind) as server:
        wire = server.connect()
        wire.send(request("GET", path))
        wire.until(b"data: first\n\n")
        gate.wait_until_reached()
        gate.open()
        wire.until(b"data: second\n\n")


def test_an_http_1_0_client_gets_the_pieces_one_by_one_too(tmp_path: Path, workers: list[str], gate: Gate) -> None:
    with serve("app", *workers, cwd=tmp_path) as server:
        wire = server.connect()
        wire.send(b"GET /generator HTTP/1.0\r\n\r\n")
        wire.until(b"data: first\n\n")
        gate.wait_until_reached()
        gate.open()
        assert wire.rest() == b"data: second\n\n"


def test_an_endless_answer_is_closed_when_its_client_leaves(tmp_path: Path, workers: list[str]) -> None:
    write_app(tmp_path, APP)
    closed = Gate(tmp_path, "closed")
    with serve("app", *workers, cwd=tmp_path) as server:
        wire = server.connect()
        wire.send(request("GET", "/endless"))
        wire.until(bytes(65536))
        wire.close()
        closed.wait_until_reached()
        closed.open()
        assert server.get("/hello").text == "hello"


def test_the_example_site_streams_its_log_as_server_sent_events(harbour: Site, workers: list[str]) -> None:
    with harbour.serve(*workers) as server:
        wire = server.connect()
        wire.send(request("GET", "/log/?count=3&every=0.01"))
        for number in (1, 2, 3):
            wire.until(f"id: {number}\nevent: entry\ndata: {number * 12.5:.1f} nautical".encode())
