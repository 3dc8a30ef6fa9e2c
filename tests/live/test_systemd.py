"""As a systemd service: a manager that hands over sockets, and listens to what it is told."""

import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.live.apps import HELLO, write_app
from tests.live.server import command, serve

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
