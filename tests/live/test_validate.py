"""wsgiref.validate, the standard library's judge of PEP 3333, stands between server and app on every path."""

from collections.abc import Iterator

import pytest

from tests.live.apps import write_app
from tests.live.conftest import WORKERS
from tests.live.server import Running, serve
from tests.live.wire import chunked

APP = """
import sys, warnings
from wsgiref.validate import validator

warnings.simplefilter("error")
TEXT = [("Content-Type", "text/plain")]

def a_list(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"one,", b"two"]

def a_generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one,"
    yield b"two"

def written(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"one,")
    return [b"two"]

def with_length(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "7")])
    return [b"one,two"]

def read_all(environ, start_response):
    body = environ["wsgi.input"].read(1 << 20)
    start_response("200 OK", TEXT)
    return [body]

def read_lines(environ, start_response):
    lines = [environ["wsgi.input"].readline(), *environ["wsgi.input"].readlines()]
    start_response("200 OK", TEXT)
    return lines

def iterated(environ, start_response):
    lines = list(environ["wsgi.input"])
    start_response("200 OK", TEXT)
    return lines

def not_read(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"one,two"]

def a_file(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](open("file", "rb"))

def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []

def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"x"')])
    return []

def second_thoughts(environ, start_response):
    start_response("200 OK", TEXT)
    try:
        raise LookupError
    except LookupError:
        start_response("503 Service Unavailable", TEXT, sys.exc_info())
    return [b"one,two"]

def complains(environ, start_response):
    environ["wsgi.errors"].write("a complaint\\n")
    environ["wsgi.errors"].writelines(["and another\\n"])
    environ["wsgi.errors"].flush()
    start_response("200 OK", TEXT)
    return [b"one,two"]

@validator
def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)
"""


@pytest.fixture(scope="module", params=list(WORKERS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = write_app(tmp_path_factory.mktemp("validate"), APP)
    (directory / "file").write_bytes(b"one,two")
    with serve("app", *WORKERS[request.param], cwd=directory) as running:  # ends with: no traceback was logged
        yield running


@pytest.mark.parametrize(
    "path", ["a_list", "a_generator", "written", "with_length", "a_file", "not_read", "second_thoughts", "complains"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_an_answer_passes_the_validator(server: Running, path: str, method: str) -> None:
    wire = server.connect()
    for _ in range(2):  # the second on a kept connection
        reply = wire.ask(method, f"/{path}?query=%20", [("X-Field", "value")], b"body" if method == "POST" else b"")
        assert reply.status == (503 if path == "second_thoughts" else 200), server.log.text
        assert reply.body == (b"" if method == "HEAD" else b"one,two")


@pytest.mark.parametrize("path", ["read_all", "read_lines", "iterated"])
def test_every_way_to_read_a_body_passes_the_validator(server: Running, path: str) -> None:
    wire = server.connect()
    whole = b"one\ntwo\nthree"
    assert wire.ask("POST", f"/{path}", body=whole).body == whole, server.log.text
    coded = [("Transfer-Encoding", "chunked"), ("Content-Type", "text/plain")]
    assert wire.ask("POST", f"/{path}", coded, chunked(b"one\nt", b"wo\nthree")).body == whole
    assert wire.ask("GET", f"/{path}").body == b""


@pytest.mark.parametrize(("path", "status"), [("no_content", 204), ("not_modified", 304)])
def test_an_answer_without_a_body_passes_the_validator(server: Running, path: str, status: int) -> None:
    wire = server.connect()
    for method in ("GET", "HEAD", "GET"):
        assert wire.ask(method, f"/{path}").status == status


def test_what_an_app_writes_to_wsgi_errors_is_in_the_log(server: Running) -> None:
    assert server.get("/complains").status == 200
    server.log.wait_for("a complaint")
    server.log.wait_for("and another")
