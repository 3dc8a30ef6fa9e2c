"""The asgi worker on a real socket: what an application may do, and what its clients then see."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.apps import ASGI_HELLO, HELLO, Gate, write_app
from tests.live.conftest import ASGI
from tests.live.server import Running, run, serve
from tests.live.wire import chunked, request

APP = '''
import asyncio, os, sys
from gates import pass_gate

def say(text):
    print(text, file=sys.stderr, flush=True)

async def start(send, status=200, headers=(), **more):
    await send({"type": "http.response.start", "status": status, "headers": list(headers), **more})

async def content(send, body=b"", more=False):
    await send({"type": "http.response.body", "body": body, "more_body": more})

async def hello(scope, receive, send):
    await start(send)
    await content(send, b"hello")

async def facts(scope, receive, send):
    await start(send)
    await content(send, f"{len(asyncio.all_tasks())} {len(os.listdir('/proc/self/fd'))}".encode())

async def echo(scope, receive, send):
    await start(send)
    more = True
    while more:
        event = await receive()
        more = event["more_body"]
        await content(send, event["body"], True)
    await content(send)

async def ignores_content(scope, receive, send):
    await hello(scope, receive, send)

async def reads(scope, receive, send):
    say("read " + (await receive())["type"])

async def listens(scope, receive, send):
    assert (await receive())["type"] == "http.request"
    await asyncio.to_thread(pass_gate, "listens")
    say("heard " + (await receive())["type"])
    say("heard " + (await receive())["type"])

async def never(scope, receive, send):
    await asyncio.to_thread(pass_gate, "never")
    try:
        await asyncio.Event().wait()
    finally:
        say("the application was cancelled")

async def background(scope, receive, send):
    await hello(scope, receive, send)
    await asyncio.to_thread(pass_gate, "background")
    say("the background work is done")

async def floods(scope, receive, send):
    await start(send)
    try:
        while True:
            await content(send, bytes(65536), True)
    except (OSError, asyncio.CancelledError) as exc:  # by what is noticed first: the reset, or the end and the grace
        say(f"send raised {type(exc).__name__}")

async def returns_early(scope, receive, send):
    pass

async def returns_without_end(scope, receive, send):
    await start(send)
    await content(send, b"some", True)

async def raises_at_once(scope, receive, send):
    raise RuntimeError("on purpose")

async def raises_after_start(scope, receive, send):
    await start(send)
    raise RuntimeError("on purpose")

async def raises_in_content(scope, receive, send):
    await start(send)
    await content(send, b"some", True)
    raise RuntimeError("on purpose")

async def starts_twice(scope, receive, send):
    await start(send)
    await start(send)

async def splits(scope, receive, send):
    await start(send, headers=[(b"x", b"a\\r\\nb: c")])
    await content(send)

async def exits(scope, receive, send):
    sys.exit(1)

async def status(scope, receive, send):
    await start(send, int(scope["query_string"]))
    await content(send)

async def trailers(scope, receive, send):
    told = "http.response.trailers" in scope["extensions"]
    await start(send, trailers=told)
    await content(send, b"told" if told else b"not told")
    if told:
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-more", b"2")]})

async def hints(scope, receive, send):
    await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})
    await hello(scope, receive, send)

async def path(scope, receive, send):
    await start(send, headers=[(b"content-type", b"text/x")])
    await send({"type": "http.response.pathsend", "path": os.path.abspath("big")})

async def slow(scope, receive, send):
    await asyncio.to_thread(pass_gate, "slow")
    await start(send)
    await content(send, b"slow")

async def blocks(scope, receive, send):
    pass_gate("blocks")
    await hello(scope, receive, send)

async def contexts(scope, receive, send):
    """What frameworks ask of a task, before and after it was suspended."""
    task = asyncio.current_task()
    assert asyncio.get_running_loop() is not None
    async with asyncio.timeout(30):
        if scope["query_string"]:
            await asyncio.sleep(0)
    try:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    except TimeoutError:
        assert asyncio.current_task() is task
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        await hello(scope, receive, send)

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await globals()[scope["path"][1:]](scope, receive, send)
'''
MOST = 8 << 20


def gate_at(directory: Path, name: str) -> Gate:
    """A new one: the directory is that of many tests."""
    for end in ("reached", "opened"):
        (directory / f"{name}.{end}").unlink(missing_ok=True)
    return Gate(directory, name)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_app(tmp_path_factory.mktemp("asgi"), APP)
    (directory / "big").write_bytes(os.urandom(MOST))
    return directory


@pytest.fixture(scope="module", params=list(ASGI))
def server(request: pytest.FixtureRequest, directory: Path) -> Iterator[Running]:
    """Exceptions are made on purpose, so the log has tracebacks."""
    flags = [*ASGI[request.param], "--asgi-disconnect-grace-period", "0.2"]
    with serve("app", *flags, cwd=directory, tracebacks=True) as running:
        yield running


def test_content_is_echoed_as_it_comes(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("POST", "/echo", [("Transfer-Encoding", "chunked")]) + b"5\r\nfirst\r\n")
        wire.until(b"first\r\n")
        wire.send(b"6\r\nsecond\r\n0\r\n\r\n")
        assert b"second" in wire.until(b"0\r\n\r\n")
        assert wire.at_end()  # a response that began before its request had ended promised no more
    with server.connect() as wire:
        assert wire.ask("POST", "/echo", body=b"x" * 40_000).body == b"x" * 40_000


def test_a_client_that_waits_for_100_gets_it_when_the_application_reads(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("POST", "/echo", [("Expect", "100-continue"), ("Content-Length", "2")]))
        wire.until(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.send(b"hi")
        assert wire.reply("POST").body == b"hi"


def test_content_that_nobody_reads_ends_the_connection_without_a_reset(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("POST", "/ignores_content", [("Content-Length", "1000000")]) + b"x" * 1000)
        assert wire.reply("POST").body == b"hello"
        wire.send(b"x" * 999_000)
        assert wire.at_end()


def test_content_that_breaks_http_is_refused(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("POST", "/reads", [("Transfer-Encoding", "chunked")]) + b"zz\r\n")
        assert wire.reply("POST").status == 400
        assert wire.at_end()
    server.log.wait_for("read http.disconnect")


def test_a_client_that_leaves_is_told_of(server: Running, directory: Path) -> None:
    gate = gate_at(directory, "listens")
    with server.connect() as wire:
        wire.send(request("GET", "/listens"))
        gate.wait_until_reached()
    gate.open()
    server.log.wait_for("heard http.disconnect", times=2)


def test_who_does_not_listen_is_cancelled_after_the_grace(server: Running, directory: Path) -> None:
    gate = gate_at(directory, "never")
    with server.connect() as wire:
        wire.send(request("GET", "/never"))
        gate.wait_until_reached()
        gate.open()
    server.log.wait_for("the application was cancelled")


def test_background_work_outlives_the_response_and_the_connection(server: Running, directory: Path) -> None:
    gate = gate_at(directory, "background")
    with server.connect() as wire:
        assert wire.ask("GET", "/background").body == b"hello"
        assert wire.ask("GET", "/hello").body == b"hello"
        gate.wait_until_reached()
    gate.open()
    server.log.wait_for("the background work is done")


def test_send_waits_for_a_slow_client_and_raises_when_it_has_left(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("GET", "/floods"))
        wire.until(b"\r\n\r\n")
    server.log.wait_for("send raised (ClientLeftError|CancelledError)")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/returns_early", "returned without an answer at GET /returns_early"),
        ("/raises_at_once", "raised at GET /raises_at_once"),
        ("/raises_after_start", "raised at GET /raises_after_start"),
        ("/starts_twice", "broke HTTP at GET /starts_twice HTTP/1.1: http.response.start cannot follow the head"),
        ("/splits", "broke HTTP at GET /splits"),
        ("/exits", "raised at GET /exits"),
        ("/status?99", "broke HTTP at GET /status"),
    ],
)
def test_what_fails_before_content_is_a_500(server: Running, path: str, said: str) -> None:
    with server.connect() as wire:
        assert wire.ask("GET", path).status == 500
        assert wire.at_end()
    server.log.wait_for(said)


@pytest.mark.parametrize("path", ["/returns_without_end", "/raises_in_content"])
def test_what_fails_in_the_middle_is_cut_off(server: Running, path: str) -> None:
    with server.connect() as wire:
        wire.send(request("GET", path))
        rest = wire.rest()
    assert rest.endswith(b"4\r\nsome\r\n")
    server.log.wait_for(f"{path} HTTP/1.1; the response was cut off")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_content_has_none(server: Running, status: int) -> None:
    with server.connect() as wire:
        reply = wire.ask("GET", f"/status?{status}")
        assert (reply.status, reply.body) == (status, b"")
        assert wire.ask("HEAD", "/hello").body == b""
        assert wire.ask("GET", "/hello").body == b"hello"


def test_trailers_go_to_who_asks_for_them(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("GET", "/trailers", [("TE", "trailers")]))
        assert wire.until(b"\r\n\r\n")
        assert wire.until(b"x-more: 2\r\n\r\n") == b"4\r\ntold\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n"
        assert wire.ask("GET", "/trailers").body == b"not told"


def test_early_hints_come_before_the_response(server: Running) -> None:
    with server.connect() as wire:
        reply = wire.ask("GET", "/hints")
        assert (reply.interim, reply.status) == ([103], 200)


def test_a_path_is_sent_whole_and_the_connection_goes_on(server: Running, directory: Path) -> None:
    with server.connect() as wire:
        assert wire.ask("GET", "/path").body == (directory / "big").read_bytes()
        assert wire.ask("HEAD", "/path")["Content-Length"] == str(MOST)
        assert wire.ask("GET", "/hello").body == b"hello"


def test_pipelined_requests_are_answered_in_order(server: Running, directory: Path) -> None:
    gate = gate_at(directory, "slow")
    with server.connect() as wire:
        wire.send(request("GET", "/slow") + request("GET", "/hello") * 40 + request("POST", "/echo", body=b"last"))
        gate.wait_until_reached()
        gate.open()
        assert [wire.reply().body for _ in range(42)] == [b"slow", *[b"hello"] * 40, b"last"]


@pytest.mark.parametrize("path", ["/contexts", "/contexts?suspended"])
def test_an_application_runs_in_a_task(server: Running, path: str) -> None:
    assert server.get(path).body == b"hello"


def test_nothing_is_left_of_connections_that_ended_badly(server: Running, directory: Path) -> None:
    before = server.get("/facts").body
    for _ in range(20):
        with server.connect() as wire:
            wire.send(request("POST", "/echo", [("Transfer-Encoding", "chunked")]) + chunked(b"x")[:-3])
        with server.connect() as wire:
            wire.send(b"GET / HTTP/1.1\r\n bad\r\n\r\n")
        with server.connect() as wire:
            wire.send(request("GET", "/path"))
            wire.until(b"\r\n\r\n")
    for _ in range(1000):
        if server.get("/facts").body == before:
            return
    pytest.fail(f"{before!r} tasks and files became {server.get('/facts').body!r}")


# -- deadlines, limits, the worker's life ------------------------------------------------------------------------------


def test_a_request_past_its_deadline_gets_504_and_its_stack_is_logged(directory: Path) -> None:
    gate = gate_at(directory, "never")
    with serve("app", *ASGI["asgi-uvloop"], "--timeout", "1", cwd=directory, tracebacks=True) as server:
        pids = server.workers()
        with server.connect() as wire:
            wire.send(request("GET", "/never"))
            gate.wait_until_reached()
            gate.open()
            assert wire.reply().status == 504
        server.log.wait_for("request GET /never HTTP/1.1 ran for")
        server.log.wait_for("await asyncio.Event")
        server.log.wait_for("the application was cancelled")
        assert server.get("/hello").body == b"hello"
        assert server.workers() == pids


@pytest.mark.parametrize("loop", list(ASGI))
def test_what_holds_the_loop_is_named(directory: Path, loop: str) -> None:
    gate = gate_at(directory, "blocks")
    with serve("app", *ASGI[loop], cwd=directory, tracebacks=True) as server, server.connect() as wire:
        wire.send(request("GET", "/blocks"))
        gate.wait_until_reached()
        server.log.wait_for("the event loop of worker 1 .* has been held for")
        server.log.wait_for('pass_gate\\("blocks"\\)')
        gate.open()
        assert wire.reply().body == b"hello"


def test_a_worker_whose_loop_is_held_for_timeout_is_replaced(directory: Path) -> None:
    gate_at(directory, "blocks")
    with serve("app", *ASGI["asgi-uvloop"], "--timeout", "1", cwd=directory, tracebacks=True) as server:
        with server.connect() as wire:
            wire.send(request("GET", "/blocks"))
            server.log.wait_for("it is ended with")
            server.log.wait_for("Booting worker", times=2)
        assert server.get("/hello").body == b"hello"


def test_beyond_its_concurrency_a_worker_answers_503(directory: Path) -> None:
    gate = gate_at(directory, "slow")
    with serve("app", *ASGI["asgi-uvloop"], "--asgi-concurrency", "1", cwd=directory, tracebacks=True) as server:
        with server.connect() as wire:
            wire.send(request("GET", "/slow"))
            gate.wait_until_reached()
            assert server.get("/hello").status == 503
            gate.open()
            assert wire.reply().body == b"slow"
        assert server.get("/hello").status == 200


@pytest.mark.parametrize("loop", list(ASGI))
def test_a_stop_finishes_what_is_in_flight(directory: Path, loop: str) -> None:
    gate, back = gate_at(directory, "slow"), gate_at(directory, "background")
    with serve("app", *ASGI[loop], cwd=directory, tracebacks=True) as server:
        idle, wire, other = server.connect(), server.connect(), server.connect()
        assert idle.ask("GET", "/hello").body == b"hello"
        wire.send(request("GET", "/slow"))
        assert other.ask("GET", "/background").body == b"hello"
        gate.wait_until_reached()
        back.wait_until_reached()
        server.signal(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        while idle.ask("GET", "/hello")["Connection"] != "close":  # the worker is being told
            assert server.process.poll() is None
        gate.open()
        reply = wire.reply()
        assert (reply.body, reply["Connection"]) == (b"slow", "close")
        back.open()
        assert server.wait() == 0
        assert "the background work is done" in server.log.text


def test_a_worker_is_replaced_after_max_requests(directory: Path) -> None:
    with serve("app", *ASGI["asgi-uvloop"], "--max-requests", "5", cwd=directory, tracebacks=True) as server:
        for _ in range(30):
            assert server.get("/hello").status == 200
        server.log.wait_for("it has answered 5 requests")


def test_an_access_line_for_each_request(directory: Path) -> None:
    flags = ["--access-logfile", "-", "--access-logformat", "<%(h)s %(m)s %(U)s %(s)s %(b)s>"]
    with serve("app", *ASGI["asgi-uvloop"], *flags, cwd=directory, tracebacks=True) as server:
        server.get("/hello", ("X-Forwarded-For", "192.0.2.7, 198.51.100.9"))
        server.get("/raises_at_once")
        server.log.wait_for("<198.51.100.9 GET /hello 200 5>")
        server.log.wait_for("<127.0.0.1 GET /raises_at_once 500 26>")


# -- lifespan and class ------------------------------------------------------------------------------------------------

LIFE = """
import sys

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["made"] = "at startup"
        await send(STARTED)
        assert (await receive())["type"] == "lifespan.shutdown"
        print("shut down", file=sys.stderr, flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    scope["state"].setdefault("mine", 0)
    scope["state"]["mine"] += 1
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": repr(sorted(scope["state"].items())).encode()})
"""


def test_the_application_is_started_and_shut_down_and_each_request_has_a_copy_of_its_state(tmp_path: Path) -> None:
    write_app(tmp_path, LIFE + 'STARTED = {"type": "lifespan.startup.complete"}\n')
    with serve("app:app", "--workers", "1", cwd=tmp_path) as server:
        server.log.wait_for("app:app is an ASGI application: the worker class is asgi, not sync")
        for _ in range(2):
            assert server.get("/").text == "[('made', 'at startup'), ('mine', 1)]"
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert "shut down" in server.log.text


def test_a_failed_startup_is_a_failed_boot(tmp_path: Path) -> None:
    write_app(tmp_path, LIFE + 'STARTED = {"type": "lifespan.startup.failed", "message": "no database"}\n')
    ended = run("app:app", "-w", "1", "-b", "127.0.0.1:0", cwd=tmp_path)
    assert ended.code == 3
    assert "the application's lifespan startup failed: no database" in ended.output


def test_a_startup_that_never_ends_is_given_up(tmp_path: Path) -> None:
    source = "import asyncio\n" + LIFE.replace("await send(STARTED)", "await asyncio.Event().wait()")
    write_app(tmp_path, source)
    ended = run("app:app", "-w", "1", "-b", "127.0.0.1:0", "--boot-timeout", "2", cwd=tmp_path)
    assert ended.code == 3
    assert "lifespan.startup was not answered within" in ended.output


def test_with_lifespan_on_an_application_without_is_refused(tmp_path: Path) -> None:
    write_app(tmp_path, ASGI_HELLO)
    ended = run("app:app", "-w", "1", "-b", "127.0.0.1:0", "--asgi-lifespan", "on", cwd=tmp_path)
    assert ended.code == 3


def test_a_wrong_class_is_refused_with_the_right_one(tmp_path: Path) -> None:
    write_app(tmp_path, ASGI_HELLO + HELLO)
    ended = run("app:app", "-k", "gthread", "-w", "1", "-b", "127.0.0.1:0", cwd=tmp_path)
    assert ended.code == 4
    assert (
        "app:app is an ASGI application, and worker class gthread calls WSGI ones. Use --worker-class asgi"
        in ended.output
    )
    ended = run("app:application", "-k", "uvicorn.workers.UvicornWorker", "-w", "1", "-b", "127.0.0.1:0", cwd=tmp_path)
    assert ended.code == 4
    assert "app:application is a WSGI application, and worker class asgi calls ASGI ones" in ended.output


def test_a_health_path_that_fails_is_a_failed_boot(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    ended = run("app", "-w", "1", "-b", "127.0.0.1:0", "-k", "asgi", "--health-path", "/raises_at_once", cwd=tmp_path)
    assert ended.code == 3
    assert "the first request, GET /raises_at_once (--health-path), raised RuntimeError: on purpose" in ended.output
    with serve("app", "-w", "1", "-k", "asgi", "--health-path", "/hello", cwd=tmp_path) as server:
        assert server.get("/hello").status == 200
