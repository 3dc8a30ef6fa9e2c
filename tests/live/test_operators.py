"""tonnage status, reload and stop, from another terminal."""

import contextlib
import json
import os
import resource
import shlex
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from prove.applications import put
from tests.live.apps import HELD, HELLO, Gate, write_app
from tests.live.server import PATIENCE_S, Ended, command, run, serve

CONTROL = ["--control-socket", "control"]


STRANGER = """
import os, socket, sys

os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.connect(chr(0) + sys.argv[1])
try:
    sock.send(b'{"request": "stop"}')
    assert sock.recv(100) == b""
except OSError:  # it was closed before we could ask
    pass
print("sent away")
"""


def ask(name: str, *words: str, cwd: Path) -> Ended:
    return run(name, *words, *CONTROL, cwd=cwd)


def test_status_tells_what_every_worker_does(tmp_path: Path, workers: list[str]) -> None:
    write_app(tmp_path, HELD)
    gate = Gate(tmp_path, "held")
    with serve("app", *workers, *CONTROL, cwd=tmp_path) as server:
        wire = server.connect()
        wire.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        page, found = ask("status", cwd=tmp_path), json.loads(ask("status", "--json", cwd=tmp_path).stdout)
        gate.open()
        assert wire.reply().status == 200
        while not (again := json.loads(ask("status", "--json", cwd=tmp_path).stdout))["workers"][0]["requests"]:
            pass
        assert (found["pid"], found["generation"], found["want"], found["mode"]) == (server.pid, 1, 1, "serving")
        (listener,) = found["listeners"]
        assert (listener["url"], listener["waiting"], listener["limit"]) == (server.urls[0], 0, 2048)
        assert listener["peak"] in (0, 1)  # our own connection may have been seen waiting
        (worker,) = found["workers"]
        assert [worker["pid"]] == server.workers()
        assert (worker["slot"], worker["state"], worker["connections"], worker["requests"]) == (0, "ready", 1, 0)
        assert [each["line"] for each in worker["in_flight"]] == ["GET /held HTTP/1.1"]
        assert (again["workers"][0]["requests"], again["workers"][0]["in_flight"]) == (1, [])
    assert page.code == 0
    assert "1 of 1 workers ready" in page.stdout
    assert "GET /held HTTP/1.1 (" in page.stdout


def test_a_reload_is_over_when_the_new_code_serves(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--workers", "2", *CONTROL, cwd=tmp_path) as server:
        write_app(tmp_path, HELLO.replace("hello", "hello again"))
        done = ask("reload", cwd=tmp_path)
        assert (done.code, done.stderr) == (0, "")
        assert "reloaded: Generation 2 has taken over" in done.stdout
        server.log.wait_for(r"Worker exiting \(pid: \d+\)", times=2)  # until then one may still take a connection
        assert server.get().text == "hello again\n"


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("app.py", "raise RuntimeError('the database is not there')", "the database is not there"),
        ("app.py", "import sys; sys.exit(1)", "Generation 2 is given up"),
        ("gunicorn.conf.py", "workers = = 2", "gunicorn.conf.py:1: SyntaxError"),
        ("gunicorn.conf.py", "workers = 0", "workers = 0 (from gunicorn.conf.py:1) must be at least 1"),
    ],
)
def test_a_reload_that_comes_to_nothing_says_why_and_the_old_code_serves(
    tmp_path: Path, file: str, text: str, why: str
) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", *CONTROL, cwd=tmp_path, tracebacks=True) as server:
        put(tmp_path / file, text)
        done = ask("reload", cwd=tmp_path)
        assert done.code == 1
        assert why in done.output
        assert "not reloaded: " in done.stderr
        assert server.get().text == "hello\n"


def test_a_stop_finishes_what_is_in_flight_and_is_over_when_the_server_is_gone(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--pid", "server.pid", *CONTROL, cwd=tmp_path) as server:
        done = run("stop", "--pid", "server.pid", *CONTROL, cwd=tmp_path)
        assert (done.code, done.stdout.splitlines()[-1]) == (0, "stopped")
        assert not (tmp_path / "server.pid").exists()
        assert not (tmp_path / "control").exists()
        assert server.wait() == 0


def test_by_default_the_socket_is_found_by_the_pid(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--pid", "server.pid", cwd=tmp_path) as server:
        done = run("status", "--pid", "server.pid", cwd=tmp_path)
        assert f"supervisor {server.pid} " in done.stdout


def test_only_who_may_has_access(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", *CONTROL, "--control-socket-mode", "0o660", cwd=tmp_path):
        assert stat.S_IMODE((tmp_path / "control").stat().st_mode) == 0o660


def test_without_a_control_socket_it_serves_all_the_same(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--no-control-socket", *CONTROL, cwd=tmp_path) as server:
        assert not (tmp_path / "control").exists()
        assert server.get().status == 200
    with serve("app", "--control-socket", "no/such/place", cwd=tmp_path) as server:
        server.log.wait_for(r"\[INFO\] No control socket: .*no/such: No such file or directory\.|No control socket: ")
        assert server.get().status == 200


def test_where_nothing_can_be_written_it_is_still_reached_and_nobody_else_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a read-only container: /run, and the place in /tmp, are mounted so in a mount namespace of the server."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("NOT ROOT, or no unshare(1): nobody has seen the control socket of a read-only container")
    write_app(tmp_path, HELLO)
    Path("/tmp/tonnage-0").mkdir(mode=0o700, exist_ok=True)
    read_only = " && ".join(f"mount -t tmpfs -o ro none {place}" for place in ("/run", "/tmp/tonnage-0"))
    script = f'{read_only} && exec "$@"'
    monkeypatch.setenv("TONNAGE", shlex.join(["unshare", "-m", "sh", "-c", script, "sh", *command()]))
    with serve("app", "--pid", "pid", cwd=tmp_path) as server:
        monkeypatch.delenv("TONNAGE")
        name = f"@tonnage-0-{server.pid}"
        server.log.wait_for(f"Control socket: {name} .*Only user 0 and root are answered")
        for words in (["--pid", "pid"], ["--control-socket", name]):
            assert run("status", *words, cwd=tmp_path).stdout.startswith(f"supervisor {server.pid} ")
        args = [sys.executable, "-c", STRANGER, name[1:]]
        told = subprocess.run(args, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert told.stdout == "sent away\n"
        assert run("stop", "--pid", "pid", cwd=tmp_path).code == 0


def test_workers_are_added_and_removed_and_never_the_last_one(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--workers", "1", *CONTROL, cwd=tmp_path) as server:
        assert ask("workers", "add", "2", cwd=tmp_path).stdout.startswith("1 -> 3 workers wanted")
        while ask("status", "--json", cwd=tmp_path).stdout.count('"state": "ready"') < 3:
            pass
        done = ask("workers", "remove", "9", cwd=tmp_path)
        assert done.stdout.startswith("3 -> 1 workers wanted")
        assert (done.code, "there is one worker at least" in done.stderr) == (1, True)
        server.log.wait_for(r"Worker \(pid: \d+\) exited with code 0", times=2)
        assert server.get().status == 200


def test_a_supervisor_that_is_out_of_descriptors_says_so_and_answers_when_there_are_some(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--admin-bind", "unix:admin", *CONTROL, cwd=tmp_path) as server, contextlib.ExitStack() as peers:
        soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (0, hard))
        operator, browser = (peers.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        for peer, name, words in (
            (operator, "control", b'{"request": "status"}\n'),
            (browser, "admin", b"GET /-/live HTTP/1.1\r\nHost: x\r\n\r\n"),
        ):
            peer.settimeout(PATIENCE_S)
            peer.connect(str(tmp_path / name))
            peer.sendall(words)
            server.log.wait_for(
                rf"\[WARNING\] Nobody new is answered at unix:\S*{name} for now: Too many open files\. "
            )
        assert server.get().text == "hello\n"
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert operator.recv(100).startswith(b'{"status": ')
        assert browser.recv(100).startswith(b"HTTP/1.1 200 ")
        assert server.log.text.count("Nobody new is answered") == 2


def test_a_reload_that_waits_for_the_proof_says_so(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--workers", "1", "--reload-bake", "0.5", *CONTROL, cwd=tmp_path) as server:
        done = ask("reload", "--wait-bake", cwd=tmp_path)
        assert (done.code, done.stderr) == (0, "")
        assert done.stdout.endswith("reloaded: Generation 2 has served for 0.5 s: it is the good one now.\n")
        assert ask("reopen", cwd=tmp_path).stdout == "the log files are opened again\n"
        server.log.wait_for("Reopening of the logs, asked for by uid")


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "unix:app.sock"])
def test_a_reload_changes_the_backlog_of_a_listener_that_stays_and_giving_up_changes_it_back(
    tmp_path: Path, bind: str
) -> None:
    def limit() -> int:
        found: int = json.loads(ask("status", "--json", cwd=tmp_path).stdout)["listeners"][0]["limit"]
        return found

    conf = tmp_path / "gunicorn.conf.py"
    conf.write_text("backlog = 100\n")
    write_app(tmp_path, HELLO)
    with serve("app", *CONTROL, cwd=tmp_path, bind=bind, tracebacks=True) as server:
        assert limit() == 100
        conf.write_text("backlog = 7\n")
        ask("reload", cwd=tmp_path)
        assert limit() == 7
        conf.write_text("backlog = 50\ndef post_fork(server, worker): raise ValueError('no')\n")
        assert ask("reload", cwd=tmp_path).code == 1
        server.log.wait_for("Generation 3 is given up")
        assert limit() == 7
