"""`tonnage footprint`: figures of applications whose figures are known, from real servers."""

import json
import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.apps import write_app
from tests.live.server import PATIENCE_S, Ended, clean_environ, command, run
from tonnage.capacity.footprint import Footprint, from_object

MIB = 1 << 20
QUICK = ("--requests", "100", "--processes", "2")
# 30 MiB of its own, a connection for each process; /wait sleeps 19 of 20 ms, /leak keeps 20 KiB a request.
KNOWN = """
import os, socket, threading, time

held = bytearray(30 << 20)
held[::4096] = b"x" * len(held[::4096])
kept = []
connection = None

def application(environ, start_response):
    global connection
    if connection is None and "PEER" in os.environ:
        connection = socket.create_connection(("127.0.0.1", int(os.environ["PEER"])))
    path = environ["PATH_INFO"]
    if path == "/leak":
        kept.append(os.urandom(20 << 10))
    until = time.thread_time() + (0.001 if path == "/wait" else 0.005 if path == "/burn" else 0)
    while time.thread_time() < until:
        pass
    if path == "/wait":
        time.sleep(0.019)
    start_response("500 no" if path == "/broken" else "200 OK", [("Content-Type", "text/plain")])
    return [b"x"]
"""


@pytest.fixture
def peer() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def footprint(*arguments: str, cwd: Path, **env: str) -> Footprint:
    ended = run("footprint", "app", *QUICK, "--json", *arguments, cwd=cwd, env=env)
    assert ended.code == 0, ended.output
    return from_object(json.loads(ended.stdout))


def test_memory_and_connections_of_each_worker(tmp_path: Path, peer: str) -> None:
    found = footprint("--bind", "127.0.0.1:1", "--pid", "app.pid", cwd=write_app(tmp_path, KNOWN), PEER=peer)
    plain, preloaded = found.plain, found.preloaded
    assert preloaded is not None
    assert 30 * MIB < plain.further_octets <= plain.first_octets < 60 * MIB
    assert preloaded.further_octets < 15 * MIB, "the thirty are the zygote's, and nobody writes to them"
    assert preloaded.base_octets + preloaded.first_octets > 30 * MIB
    assert [(link.address, link.connections) for link in found.links] == [(f"127.0.0.1:{peer}", 1)]
    notes = [note for note in found.notes if not note.startswith("other load")]  # that it may well have
    assert (found.paths, found.requests, found.worker_class, notes) == (("/",), 100, "sync", [])
    assert found.os_threads >= 1
    assert found.plain.boot_s > 0
    assert not (tmp_path / "app.pid").exists()


# What a server that runs already has: its admin address, its pid file, its logs.
RUNNING = """
admin_bind = "127.0.0.1:{port}"
pidfile = "app.pid"
errorlog = "error.log"
accesslog = "access.log"
min_workers = max_workers = workers = 4
logconfig_dict = {{
    "version": 1,
    "handlers": {{"file": {{"class": "logging.FileHandler", "filename": "configured.log"}}}},
    "root": {{"level": "INFO", "handlers": ["file"]}},
    "loggers": {{"tonnage.error": {{"handlers": ["file"]}}, "tonnage.access": {{"handlers": ["file"]}}}},
}}
"""


def test_the_server_that_runs_with_the_same_settings_is_not_met(tmp_path: Path, peer: str) -> None:
    write_app(tmp_path, KNOWN)
    (tmp_path / "gunicorn.conf.py").write_text(RUNNING.format(port=peer))
    found = footprint(cwd=tmp_path)
    assert found.paths == ("/",)
    assert not (tmp_path / "app.pid").exists()
    logs = {each.name: each.read_text() for each in tmp_path.glob("*.log")}
    assert set(logs.values()) <= {""}, logs


def test_a_waiting_application_is_told_from_one_that_computes(tmp_path: Path) -> None:
    write_app(tmp_path, KNOWN)
    waits = footprint("--paths", "/wait", cwd=tmp_path)
    burns = footprint("--paths", "/burn", cwd=tmp_path)
    assert waits.waiting_share > 0.7
    assert 0.001 < waits.cpu_s_per_request < 0.010
    assert waits.service_s_per_request > 0.019
    assert burns.waiting_share < 0.3
    assert burns.cpu_s_per_request > 0.005


def test_a_leak_has_its_slope(tmp_path: Path) -> None:
    write_app(tmp_path, KNOWN)
    found = footprint("--paths", "/leak", "--requests", "400", cwd=tmp_path)
    assert 12 * MIB < found.growth_octets_per_1k < 30 * MIB
    assert found.requests == 400


def test_paths_that_fail_are_left_out_and_named(tmp_path: Path) -> None:
    write_app(tmp_path, KNOWN)
    found = footprint("--paths", "/,/broken", "--threads", "3", cwd=tmp_path)
    assert found.paths == ("/",)
    assert "GET /broken is answered by 500, and is left out" in found.notes
    assert (found.worker_class, found.threads) == ("gthread", 3)


ENDLESS = """
import threading, time

def events():
    while True:
        yield b"data: x\\n\\n"
        time.sleep(0.3)

def application(environ, start_response):
    if environ["PATH_INFO"] == "/never":
        threading.Event().wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return events() if environ["PATH_INFO"] == "/events" else [b"x"]
"""


def test_answers_that_never_end_are_left_out_and_named(tmp_path: Path) -> None:
    write_app(tmp_path, ENDLESS)
    found = footprint("--paths", "/,/events,/never", "--timeout", "0", cwd=tmp_path)
    assert found.paths == ("/",)
    for path in ("/events", "/never"):
        assert f"GET {path} is not answered to the end within 2 s, and is left out" in found.notes


REFERRED = """
import os

def application(environ, start_response):
    if environ["PATH_INFO"] == "/end":
        os._exit(3)
    if environ["PATH_INFO"] == "/":
        start_response("302 Found", [("Location", "/login/")])
    else:
        start_response("200 OK", [("Content-Type", "text/plain")])
    return [b""]
"""


def test_redirects_are_named_and_so_is_what_ends_its_worker(tmp_path: Path) -> None:
    write_app(tmp_path, REFERRED)
    found = footprint("--paths", "/,/login/,/end", cwd=tmp_path)
    assert (found.paths, found.redirects) == (("/", "/login/"), ("/",))
    said = "GET / is answered with 302; what was measured is the redirect. Name other paths with --paths"
    assert set(found.notes) >= {said, "GET /end ends the worker that is asked, and is left out"}


def refused(*arguments: str, cwd: Path) -> Ended:
    ended = run("footprint", *arguments, cwd=cwd)
    assert ended.stdout == ""
    assert 'Traceback (most recent call last):\n  File "<frozen' not in ended.stderr
    return ended


def test_what_cannot_be_measured_is_said_with_its_reason(tmp_path: Path) -> None:
    write_app(tmp_path, KNOWN)
    assert refused(cwd=tmp_path).code == 2
    assert refused("app", "--paths", "nowhere", cwd=tmp_path).code == 2
    missing = refused("nosuch", cwd=tmp_path)
    assert (missing.code, "there is no module 'nosuch'" in missing.stderr) == (3, True)
    broken = refused("app", "--paths", "/broken", *QUICK, cwd=tmp_path)
    assert broken.code == 1
    assert "there is nothing to measure, name other paths with --paths: GET /broken is answered by 500" in broken.stderr


ENDS = """
import os, socket, time

def application(environ, start_response):
    with socket.create_connection(("127.0.0.1", int(os.environ["PEER"]))) as peer:
        peer.sendall(f"{os.getppid()} {os.getpid()}".encode())
    time.sleep(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x"]
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)])
def test_whatever_ends_the_command_ends_its_server(tmp_path: Path, number: signal.Signals, code: int) -> None:
    (temporary := tmp_path / "tmp").mkdir()
    write_app(tmp_path, ENDS)
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        listener.settimeout(PATIENCE_S)
        process = subprocess.Popen(
            ["env", "--default-signal=HUP", *command(), "footprint", "app", "--paths", "/"],  # nohup ignores it
            cwd=tmp_path,
            env={**clean_environ(), "PEER": str(listener.getsockname()[1]), "TMPDIR": str(temporary)},
            stderr=subprocess.DEVNULL,
        )
        with listener.accept()[0] as worker:
            pids = worker.makefile().read().split()  # of the supervisor, and of a worker that is asked
        fds = [os.pidfd_open(int(pid)) for pid in pids]
        for fd in fds:
            stack.callback(os.close, fd)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == code
        for fd in fds:
            assert select.select([fd], [], [], PATIENCE_S)[0], "it outlives the command"
    if number is not signal.SIGKILL:
        assert list(temporary.iterdir()) == []


def test_for_people_it_is_a_table(tmp_path: Path) -> None:
    write_app(tmp_path, KNOWN)
    ended = run("footprint", "app", *QUICK, cwd=tmp_path)
    assert ended.code == 0, ended.output
    assert "asked for, by GET: /" in ended.stdout
    assert re.search(r"each loads the application +[\d.]+ MiB +[\d.]+ MiB +[\d.]+ MiB +[\d.]+ s", ended.stdout)
    assert re.search(r"CPU +[\d.]+ ms a request", ended.stdout)
    assert "measuring: the same with preloading" in ended.stderr
