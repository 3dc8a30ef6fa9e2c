"""A kept connection must not wait for its worker while a sibling is idle (workers/keepalive.py, workers/relief.py)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.apps import Gate, write_app
from tests.live.server import Running, serve
from tests.live.wire import Wire

APP = """
import os
from gates import pass_gate

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Peer", environ["REMOTE_ADDR"])])
    if environ["PATH_INFO"] == "/held":
        pass_gate("held")
    return [str(os.getpid()).encode()]
"""


@pytest.fixture
def pair(tmp_path: Path, bind: str) -> Iterator[Running]:
    with serve("app", "--workers", "2", cwd=write_app(tmp_path, APP), bind=bind) as server:
        yield server


def kept_connections(server: Running) -> dict[str, Wire]:
    """One to each of the two workers."""
    found: dict[str, Wire] = {}
    while len(found) < 2:  # the other one may still be loading
        wire = server.connect()
        worker = wire.ask("GET", "/").text
        if worker in found:
            wire.close()
        else:
            found[worker] = wire
    return found


def test_a_request_on_a_kept_connection_is_answered_by_the_idle_sibling_when_its_worker_is_busy(
    pair: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path, "held")
    kept = kept_connections(pair)
    with contextlib.closing(pair.connect()) as slow:
        slow.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        answers = {worker: wire.ask("GET", "/again") for worker, wire in kept.items()}
        gate.open()
        busy = slow.reply().text
    (idle,) = kept.keys() - {busy}
    assert {worker: reply.text for worker, reply in answers.items()} == {busy: idle, idle: idle}
    assert answers[busy].values("X-Peer") == answers[idle].values("X-Peer")


def test_a_lone_worker_keeps_its_connections_however_slow_it_is(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "held")
    with (
        serve("app", "--workers", "1", cwd=write_app(tmp_path, APP)) as server,
        contextlib.closing(server.connect()) as wire,
    ):
        wire.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        gate.open()
        assert wire.reply()["Connection"] == "keep-alive"
        assert wire.ask("GET", "/")["Connection"] == "keep-alive"
