"""The asgi worker as a process: deadlines, a loop that is held, drain, recycling, lifespan, the choice of the class."""

import re
import signal
from pathlib import Path

import pytest

from tests.live.apps import ASGI_HELLO, HELLO, write_app
from tests.live.asgi_app import APP, gate_at
from tests.live.conftest import ASGI
from tests.live.server import run, serve
from tests.live.wire import request


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_app(tmp_path_factory.mktemp("asgi"), APP)


def test_a_request_past_its_deadline_gets_504_and_its_stack_is_logged(directory: Path) -> None:
    gate = gate_at(directory, "never")
    with serve("app", *ASGI["asgi-uvloop"], "--timeout", "4", cwd=directory, tracebacks=True) as server:
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
def test_clients_that_are_too_slow_are_told_or_cut_off(directory: Path, loop: str) -> None:
    limits = ["--head-timeout", "4", "--body-timeout", "4", "--write-timeout", "4", "--keep-alive", "4"]
    with serve("app", *ASGI[loop], *limits, cwd=directory, tracebacks=True) as server:
        silent, head, body, download, idle = (server.connect() for _ in range(5))
        head.send(b"GET / HTT")
        body.send(request("POST", "/echo_all", [("Content-Length", "9")]) + b"x")
        download.send(request("GET", "/floods"))
        assert idle.ask("GET", "/hello").body == b"hello"
        assert head.reply().status == 408
        assert body.reply("POST").status == 408
        assert silent.at_end()
        assert idle.at_end()
        server.log.wait_for(r"the client took nothing for 4s \(--write-timeout\) at GET /floods")
        server.log.wait_for("send raised")


HALF = request("POST", "{}", [("Content-Length", "9")]) + b"x"


@pytest.mark.parametrize("loop", list(ASGI))
def test_who_asks_for_the_disconnect_again_and_again_is_silent_all_the_same(directory: Path, loop: str) -> None:
    with serve("app", *ASGI[loop], "--timeout", "2", cwd=directory, tracebacks=True) as server:
        whole, half = server.connect(), server.connect()
        whole.send(request("GET", "/polls"))
        half.send(HALF.replace(b"{}", b"/polls"))
        assert whole.reply().status == 504
        assert half.reply("POST").status == 504
        server.log.wait_for("request GET /polls HTTP/1.1 ran for .* and sent nothing for 2 s")


@pytest.mark.parametrize("loop", list(ASGI))
def test_it_is_the_client_who_is_silent_when_it_was_waited_for(directory: Path, loop: str) -> None:
    """However the application waits, and whatever else it does meanwhile."""
    limits = ["--timeout", "2", "--body-timeout", "4", "--write-timeout", "4"]
    with serve("app", *ASGI[loop], *limits, cwd=directory, tracebacks=True) as server:
        waits, is_impatient, floods = server.connect(), server.connect(), server.connect()
        waits.send(HALF.replace(b"{}", b"/echo_all"))
        is_impatient.send(HALF.replace(b"{}", b"/is_impatient"))
        floods.send(request("GET", "/floods_and_polls"))
        assert waits.reply("POST").status == 408
        assert is_impatient.reply("POST").status == 408
        server.log.wait_for(r"the client took nothing for 4s \(--write-timeout\) at GET /floods_and_polls")
        assert "(--timeout)" not in server.log.text


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
        server.log.wait_for("Listening at")
        assert re.findall("Using worker: .*", server.log.text) == [
            "Using worker: asgi, since the application is of ASGI"
        ]
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
    ended = run("app:app", "-w", "1", "-b", "127.0.0.1:0", "--boot-timeout", "6", cwd=tmp_path)
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
