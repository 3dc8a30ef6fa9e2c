"""A request past `timeout` is ended and explained; the others of its worker are not cut."""

import contextlib
import re
import time
from pathlib import Path

from tests.live.apps import Gate, write_app
from tests.live.server import serve

APP = """
import os
from gates import pass_gate

def wait_for_ever():
    pass_gate("stuck")

def application(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    path = environ["PATH_INFO"]
    if path == "/stuck":
        wait_for_ever()
    if path == "/started":
        write(b"so far")
        wait_for_ever()
    if path == "/spin":
        while True:
            pass
    if path == "/held":
        pass_gate("held")
    return [str(os.getpid()).encode()]
"""


def test_a_stuck_request_is_answered_with_504_and_its_stack_logged(tmp_path: Path, workers: list[str]) -> None:
    Gate(tmp_path, "stuck")
    with serve("app", *workers, "--timeout", "1", "--access-logfile", "-", cwd=write_app(tmp_path, APP)) as server:
        before = server.get().text
        reply = server.get("/stuck?q=1")
        assert reply.status == 504
        (line,) = server.log.wait_for(r"request GET /stuck\?q=1 HTTP/1.1 ran for [\d.]+ s .limit: --timeout 1. .*")
        for part in ("answered with 504", f"pid: {before}", "generation 1"):
            assert part in line[0]
        assert re.search("s of CPU and waited the rest|How it used its time was not seen", line[0])
        server.log.wait_for(r"in wait_for_ever\n")
        server.log.wait_for(r'"GET /stuck\?q=1 HTTP/1.1" 504 ')
        server.log.wait_for("Booting worker with pid", times=2)
        server.log.wait_for(rf"Worker \(pid: {before}\) exited")
        assert server.get().text != before


def test_a_response_that_has_begun_is_cut_off(tmp_path: Path, workers: list[str]) -> None:
    Gate(tmp_path, "stuck")
    with serve("app", *workers, "--timeout", "1", cwd=write_app(tmp_path, APP)) as server:
        with contextlib.closing(server.connect()) as wire:
            wire.send(b"GET /started HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"so far" in wire.rest()
        server.log.wait_for("cut off in the middle of its response")
        assert server.get().status == 200


def test_code_that_never_lets_go_of_its_thread_is_ended_too(tmp_path: Path, workers: list[str]) -> None:
    with serve("app", *workers, "--timeout", "1", cwd=write_app(tmp_path, APP)) as server:
        assert server.get("/spin").status == 504
        assert server.get().status == 200


def test_with_threads_the_other_requests_of_the_worker_finish(tmp_path: Path) -> None:
    Gate(tmp_path, "stuck")
    held = Gate(tmp_path, "held")
    with (
        serve("app", "--threads", "3", "--timeout", "8", cwd=write_app(tmp_path, APP)) as server,
        contextlib.closing(server.connect()) as stuck,
        contextlib.closing(server.connect()) as other,
    ):
        worker = server.get().text
        stuck.send(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
        later = time.monotonic() + 5
        while time.monotonic() < later:  # so that the other is well within its own deadline
            server.get()
        other.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        held.wait_until_reached()
        assert stuck.reply().status == 504
        server.log.wait_for("Booting worker with pid", times=2)
        held.open()
        reply = other.reply()
        assert (reply.status, reply.text) == (200, worker)


def test_the_worker_abort_hook_is_called(tmp_path: Path) -> None:
    Gate(tmp_path, "stuck")
    write_app(tmp_path, APP)
    (tmp_path / "gunicorn.conf.py").write_text("def worker_abort(worker): worker.log.info('abort of %s', worker.pid)\n")
    with serve("app", "--timeout", "1", cwd=tmp_path) as server:
        worker = server.get().text
        assert server.get("/stuck").status == 504
        server.log.wait_for(f"abort of {worker}")
