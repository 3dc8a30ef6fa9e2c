"""Behind nginx and behind Caddy, over TCP and over a Unix socket: the site is still the site."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.apps import ECHO, Gate, write_app
from tests.live.fronts import Front, caddy, connector, nginx
from tests.live.oracle import ask_django
from tests.live.server import TCP, serve
from tests.live.sites import Site
from tests.live.steps import Answer, difference, visit
from tests.live.visits import HARBOUR
from tests.live.wire import Wire, chunked, request

pytestmark = pytest.mark.timeout(600)  # the first test makes a site, which a busy machine may take minutes for

FRONTS: dict[str, Front] = {"nginx": nginx, "caddy": caddy}
WAYS = [(front, way) for front in FRONTS for way in ("tcp", "unix")]

# What the front itself puts in or takes out on the way back.
OF_THE_FRONT = {"via", "x-accel-buffering"}

APP = (
    ECHO.replace("def application", "def echo")
    + """
from gates import pass_gate

def pieces(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Accel-Buffering", "no")])
    yield b"first,"
    pass_gate("seen")
    yield b"second"

def big(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [bytes(range(256)) * (8 << 12)]

def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)
"""
)


def address(way: str, directory: Path) -> str:
    return TCP if way == "tcp" else f"unix:{directory / 'app.sock'}"


@pytest.fixture(scope="module")
def wanted(harbour: Site, tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    return ask_django(harbour.copy(tmp_path_factory.mktemp("django")), HARBOUR)


@pytest.mark.parametrize(("front", "way"), WAYS)
def test_the_example_site_answers_as_django_itself(
    harbour: Site, wanted: list[Answer], tmp_path: Path, front: str, way: str
) -> None:
    site = harbour.copy(tmp_path)
    with (
        site.serve("--workers", "2", "--threads", "2", bind=address(way, tmp_path)) as server,
        FRONTS[front](tmp_path, server.urls[0]) as door,
    ):
        got = visit(connector(door), HARBOUR)
    assert [text for one, other in zip(got, wanted, strict=True) if (text := difference(own(one), own(other)))] == []


def own(answer: Answer) -> Answer:
    return replace(answer, fields=[field for field in answer.fields if field[0] not in OF_THE_FRONT])


@pytest.fixture(params=WAYS, ids="-".join)
def connect(request: pytest.FixtureRequest, tmp_path: Path, workers: list[str]) -> Iterator[Callable[[], Wire]]:
    front, way = request.param
    write_app(tmp_path, APP)
    with ExitStack() as stack:
        server = stack.enter_context(serve("app", *workers, cwd=tmp_path, bind=address(way, tmp_path)))
        connect = connector(stack.enter_context(FRONTS[front](tmp_path, server.urls[0])))
        yield lambda: stack.enter_context(connect())


def test_many_requests_pass_on_kept_connections(connect: Callable[[], Wire]) -> None:
    wire = connect()
    for number in range(50):
        reply = wire.ask("POST", f"/echo?{number}", body=b"x" * number)
        told = json.loads(reply.body)
        assert (told["QUERY_STRING"], told["length"]) == (str(number), number)


def test_uploads_pass_whole_with_a_length_or_chunked_buffered_by_the_front_or_not(connect: Callable[[], Wire]) -> None:
    pieces = [bytes([number]) * 70_000 for number in range(40)]
    whole = b"".join(pieces)
    wire = connect()
    for path in ("/echo", "/streamed/echo"):
        replies = [
            wire.ask("POST", path, body=whole),
            wire.ask("POST", path, [("Transfer-Encoding", "chunked")], chunked(*pieces)),
            wire.ask("POST", path, [("Expect", "100-continue")], whole),
        ]
        for reply in replies:
            assert json.loads(reply.body)["sha256"] == hashlib.sha256(whole).hexdigest()


def test_a_big_answer_passes_whole(connect: Callable[[], Wire]) -> None:
    wire = connect()
    for _ in range(3):
        assert wire.ask("GET", "/big").body == bytes(range(256)) * (8 << 12)


def test_a_stream_passes_piece_by_piece(connect: Callable[[], Wire], tmp_path: Path) -> None:
    gate = Gate(tmp_path, "seen")
    wire = connect()
    wire.send(request("GET", "/streamed/pieces"))
    wire.until(b"first,")
    gate.wait_until_reached()
    gate.open()
    wire.until(b"second")


def test_the_scheme_that_the_front_saw_is_the_scheme_of_the_app(connect: Callable[[], Wire]) -> None:
    wire = connect()
    for scheme in ("https", "http"):
        assert json.loads(wire.ask("GET", "/echo", [("X-Scheme", scheme)]).body)["wsgi.url_scheme"] == scheme


def test_a_scheme_forged_with_underscores_does_not_reach_the_app(connect: Callable[[], Wire]) -> None:
    told = json.loads(connect().ask("GET", "/echo", [("X_Forwarded_Proto", "https")]).body)
    assert told["wsgi.url_scheme"] == "http"


def test_an_nginx_that_speaks_http_1_0_to_its_upstream_is_served_too(tmp_path: Path, workers: list[str]) -> None:
    write_app(tmp_path, APP)
    with (
        serve("app", *workers, cwd=tmp_path) as server,
        nginx(tmp_path, server.urls[0]) as front,
        connector(front)() as wire,
    ):
        for _ in range(3):
            assert wire.ask("GET", "/old/big").body == bytes(range(256)) * (8 << 12)
            assert json.loads(wire.ask("POST", "/old/echo", body=b"body").body)["SERVER_PROTOCOL"] == "HTTP/1.0"
