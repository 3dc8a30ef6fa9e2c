"""Too much is answered honestly: 503 with Retry-After, not a wait without end."""

import contextlib
import time
from pathlib import Path

import pytest

from tests.live.apps import HELLO, write_app
from tests.live.server import run, serve


def test_a_request_that_waited_too_long_at_the_proxy_is_refused(tmp_path: Path, workers: list[str]) -> None:
    with serve("app", *workers, "--queue-timeout", "5", cwd=write_app(tmp_path, HELLO)) as server:
        late = server.get("/", ("X-Request-Start", "t=1000000000.0"))
        assert (late.status, late["Retry-After"]) == (503, "1")
        assert server.get("/", ("X-Request-Start", f"t={time.time():.3f}")).status == 200
        assert server.get("/").status == 200


def test_a_stranger_cannot_say_how_long_a_request_has_waited(tmp_path: Path) -> None:
    flags = ["--queue-timeout", "5", "--forwarded-allow-ips", "192.0.2.1"]
    with serve("app", *flags, cwd=write_app(tmp_path, HELLO)) as server:
        assert server.get("/", ("X-Request-Start", "t=1000000000.0")).status == 200


def test_when_every_worker_is_full_who_comes_is_told_so(tmp_path: Path, workers: list[str], bind: str) -> None:
    flags = [*workers, "--worker-connections", "2"]
    with (
        serve("app", *flags, cwd=write_app(tmp_path, HELLO), bind=bind) as server,
        contextlib.closing(server.connect()) as first,
        contextlib.closing(server.connect()) as second,
    ):
        for wire in (first, second):
            wire.send(b"GET / HTTP/1.1\r\n")  # not whole: it may still become a request, so it is not idle
        refused = server.get()
        assert (refused.status, refused["Retry-After"], refused["Connection"]) == (503, "1", "close")
        first.send(b"Host: x\r\n\r\n")
        assert first.reply().status == 200


def test_idle_connections_make_room_before_anybody_is_refused(tmp_path: Path, workers: list[str]) -> None:
    with serve("app", *workers, "--worker-connections", "2", cwd=write_app(tmp_path, HELLO)) as server:
        idle = [server.connect(), server.connect()]
        assert [wire.ask("GET", "/").status for wire in idle] == [200, 200]
        assert server.get().status == 200


@pytest.mark.parametrize(("code", "ready"), [("200 OK", True), ("404 Not Found", True), ("500 Oops", False)])
def test_a_worker_is_ready_when_its_first_request_is_answered(tmp_path: Path, code: str, ready: bool) -> None:
    write_app(tmp_path, HELLO.replace("200 OK", code))
    flags = ["app", "--health-path", "/healthz"]
    if ready:
        with serve(*flags, cwd=tmp_path) as server:
            assert server.get().status == int(code[:3])
    else:
        ended = run(*flags, "--bind", "127.0.0.1:0", cwd=tmp_path)
        assert ended.code == 3
        assert "GET /healthz (--health-path), was answered with 500 Oops: hello" in ended.output
