"""An idle connection ends only while it is idle: a request that has come is answered, however late we look."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.apps import Gate, write_app
from tests.live.server import Running, serve

# Longer than the time after which an idle connection is closed here: --keep-alive, or two seconds in a drain.
SLOW = """
import time
from gates import pass_gate

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/slow":
        pass_gate("slow")
        time.sleep(6)
    return [environ["PATH_INFO"].encode()]
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    write_app(tmp_path, SLOW)
    with serve("app", "--keep-alive", "5", cwd=tmp_path) as running:
        yield running


@pytest.mark.parametrize("number", [None, signal.SIGTERM])
def test_a_request_on_a_kept_connection_that_came_while_the_worker_was_busy_is_answered(
    tmp_path: Path, server: Running, number: signal.Signals | None
) -> None:
    gate = Gate(tmp_path, "slow")
    kept, other = server.connect(), server.connect()
    assert kept.ask("GET", "/first").text == "/first"
    other.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    gate.wait_until_reached()
    if number is not None:
        server.signal(number)
        server.log.wait_for("Handling signal: term")
    kept.send(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
    gate.open()
    assert other.reply().text == "/slow"
    assert kept.reply().text == "/second"
