"""What an application, or its client, can do to a worker, and what the worker survives."""

import contextlib
import re
from pathlib import Path

import pytest

from tests.live.apps import Gate, write_app
from tests.live.server import serve

FORKS = """
import os
from gates import pass_gate

def application(environ, start_response):
    if environ["PATH_INFO"] == "/fork" and os.fork() == 0:
        pass_gate("child")
        os._exit(0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""

ENDLESS = """
import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    if environ["PATH_INFO"] == "/endless":
        return iter(lambda: bytes(1 << 20), None)
    return [str(os.getpid()).encode()]
"""


LEAVES = """
import os, signal

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Connection", "close")])
    if environ["PATH_INFO"] == "/exit":
        os._exit(0)
    if environ["PATH_INFO"] == "/term":
        os.kill(os.getpid(), signal.SIGTERM)
    return [b"hello"]
"""


@pytest.mark.parametrize("path", ["/exit", "/term"])
def test_an_application_that_ends_its_young_process_again_and_again_is_in_a_crash_loop(
    tmp_path: Path, workers: list[str], path: str
) -> None:
    loop = r"exited with code 0, .* It is not the first: .* The next is started in [\d.]+ s \(failure 2 in a row\)"
    with serve("app", *workers, cwd=write_app(tmp_path, LEAVES)) as server:
        while not re.search(loop, server.log.text):  # a machine that stands still makes old workers of young ones
            with contextlib.closing(server.connect()) as wire, contextlib.suppress(OSError):
                wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert wire.rest().endswith(b"hello" if path == "/term" else b"")
        assert server.get().text == "hello"
    assert server.log.text.count("Booting worker") < 50


def test_a_connection_ends_although_a_child_of_the_application_lives_on(tmp_path: Path, workers: list[str]) -> None:
    gate = Gate(tmp_path, "child")
    with serve("app", *workers, cwd=write_app(tmp_path, FORKS)) as server:
        with contextlib.closing(server.connect()) as wire:
            wire.send(b"GET /fork HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            worker = wire.reply().text
            gate.wait_until_reached()
            assert wire.at_end()
        assert server.get().text == worker
        gate.open()
        assert server.get().text == worker


def test_who_reads_too_slowly_is_cut_off_and_the_worker_is_not_blamed(tmp_path: Path, workers: list[str]) -> None:
    with serve("app", *workers, "--timeout", "6", cwd=write_app(tmp_path, ENDLESS)) as server:
        worker = server.get().text
        with contextlib.closing(server.connect()) as wire:
            wire.send(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            server.log.wait_for("reads too slowly for --timeout 6 and was cut off")
            assert server.get().text == worker
