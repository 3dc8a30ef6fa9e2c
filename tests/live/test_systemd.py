"""As a systemd service: a manager that hands over sockets, and listens to what it is told."""

import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from prove.applications import put
from tests.live.apps import HELLO, Gate, write_app
from tests.live.manager import Manager
from tests.live.server import PATIENCE_S, TCP, command, serve, start

OPENS = """
import os, socket, sys
paths = sys.argv[1].split(",")
socks = [socket.socket(socket.AF_UNIX) for _ in paths]
for sock, path in zip(socks, paths):
    sock.bind(path)
    sock.listen(7)
fds = [os.dup2(sock.fileno(), 100 + index) for index, sock in enumerate(socks)]
for index, fd in enumerate(fds):
    os.dup2(fd, 3 + index)
for fd in fds:
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES="web:admin")
os.execvp(sys.argv[2], sys.argv[2:])
"""
LISTEN_VARIABLES = """
import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr([name for name in os.environ if name.startswith("LISTEN_")]).encode()]
"""


@pytest.fixture
def handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two sockets; the server is started with them as systemd starts it, by exec in the process they are for."""
    paths = [str(tmp_path / "web"), str(tmp_path / "admin")]
    words = [sys.executable, "-c", OPENS, ",".join(paths), *command()]
    monkeypatch.setenv("TONNAGE", shlex.join(words))
    return paths


def test_what_the_manager_hands_over_is_served(tmp_path: Path, handed: list[str]) -> None:
    write_app(tmp_path, LISTEN_VARIABLES)
    with serve("app", cwd=tmp_path, bind=None) as server:
        assert server.urls == tuple(f"unix:{path}" for path in handed)
        assert server.get().text == "[]", "they are not for what the application starts"
        server.signal(signal.SIGHUP)
        server.log.wait_for("Generation 2 has taken over")
        assert server.get().text == "[]"
    assert all(Path(path).exists() for path in handed), "the manager's, and not ours to remove"


def test_a_bind_beside_it_is_said_to_be_ignored(tmp_path: Path, handed: list[str]) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", cwd=tmp_path) as server:
        server.log.wait_for(
            r"bind \(from --bind\) is ignored: the service manager has handed over sockets \(web, admin\)"
        )
        assert server.urls == tuple(f"unix:{path}" for path in handed)
        assert server.get().status == 200


def test_sockets_for_another_process_are_left_alone_and_told_of(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", cwd=tmp_path, env={"LISTEN_FDS": "1", "LISTEN_PID": "1"}) as server:
        server.log.wait_for("are for process 1, and this is [0-9]+: they are not used")
        assert server.get().status == 200


# -- what it is told ---------------------------------------------------------------------------------------------------

SLOW_IMPORT = "from gates import pass_gate\npass_gate('import')\n" + HELLO


@pytest.fixture
def manager() -> Iterator[Manager]:
    with tempfile.TemporaryDirectory() as directory:
        found = Manager(Path(directory, "notify"))
        yield found
        found.sock.close()


def test_the_unit_is_active_when_a_worker_serves_and_not_before(tmp_path: Path, manager: Manager) -> None:
    write_app(tmp_path, SLOW_IMPORT)
    gate = Gate(tmp_path, "import")
    process, ready = start("app", "--bind", TCP, cwd=tmp_path, env=manager.environ)
    with process, ready:
        gate.wait_until_reached()
        assert "READY" not in manager.has_heard()
        gate.open()
        assert manager.hears("READY")[-1]["STATUS"] == "Generation 1: 1 of 1 workers ready"
        process.terminate()
        assert manager.hears("STOPPING")[-1]["STATUS"] == "Stopping, finishing what is in flight"
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def test_a_reload_begins_and_ends_for_the_manager_too(tmp_path: Path, manager: Manager) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", cwd=tmp_path, env=manager.environ) as server:
        manager.hears("READY")
        server.signal(signal.SIGHUP)
        began = manager.hears("RELOADING")[-1]
        assert int(began["MONOTONIC_USEC"]) > 0
        assert manager.hears("READY")[-1]["STATUS"].startswith("Generation 2: 1 of 1 workers ready")


@pytest.mark.parametrize(
    ("file", "text"), [("app.py", "raise RuntimeError('no')"), ("gunicorn.conf.py", "workers = = 2")]
)
def test_one_that_comes_to_nothing_ends_as_well(tmp_path: Path, manager: Manager, file: str, text: str) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", cwd=tmp_path, env=manager.environ, tracebacks=True) as server:
        manager.hears("READY")
        put(tmp_path / file, text)
        server.signal(signal.SIGHUP)
        manager.hears("RELOADING")
        manager.hears("READY")
        assert server.get().status == 200


def test_signs_of_life_come_while_there_is_nothing_to_do(tmp_path: Path, manager: Manager) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", cwd=tmp_path, env={**manager.environ, "WATCHDOG_USEC": "100000"}):
        manager.hears("READY")
        for _ in range(5):
            manager.hears("WATCHDOG")
