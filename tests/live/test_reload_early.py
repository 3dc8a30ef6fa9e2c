"""A reload while the first workers still boot: one that has become ready meanwhile has requests already."""

import contextlib
import signal
import threading
from pathlib import Path

import pytest

from tests.live.apps import write_app
from tests.live.server import Running, serve

CLIENTS = 20
SLOW = """
import time

def application(environ, start_response):
    time.sleep(0.03)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"slow"]
"""


def ask(server: Running, ended: threading.Event, lost: list[Exception]) -> None:
    while not ended.is_set():
        try:
            assert server.get().status == 200
        except Exception as exc:  # whatever a client can meet is a lost request
            lost.append(exc)


@pytest.mark.parametrize("turn", range(4))
def test_a_worker_that_is_dismissed_while_it_becomes_ready_answers_what_it_has(tmp_path: Path, turn: int) -> None:
    write_app(tmp_path, SLOW)
    ended, lost = threading.Event(), list[Exception]()
    with serve("app", "--workers", "8", "--threads", "4", cwd=tmp_path) as server, contextlib.ExitStack() as stack:
        stack.callback(ended.set)
        clients = [threading.Thread(target=ask, args=(server, ended, lost)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        server.log.wait_for("Booting worker", 2 + turn)
        server.signal(signal.SIGHUP)
        server.log.wait_for("Generation 2 has taken over")
        ended.set()
        for client in clients:
            client.join()
    assert lost == []
