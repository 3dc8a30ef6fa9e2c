"""A server under show: in a session of its own, asked until it answers, ended with everything that is its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import Process, tree

from . import applications
from .peers import Peer, Wants
from .wire import Answer, NotHttpError, Question

PATIENCE_S = 20.0  # for anything that should happen at once
ANSWER_S = 5.0
STOP_S = 45.0  # graceful timeouts are 30 s
PAUSE_S = 0.01


class ServerFailedError(Exception):
    """It did not start, or did not do what was asked of it."""


@dataclass(slots=True)
class Server:
    peer: Peer
    wants: Wants
    directory: Path
    port: int
    process: subprocess.Popen[bytes]
    main: int  # the supervisor's pid; an upgrade changes it
    _probes: int = field(default=0)
    answered: set[str] = field(default_factory=set)  # the processes that did, when `ask` asked

    @property
    def unix(self) -> Path:
        return self.directory / "app.sock"

    @property
    def pidfile(self) -> Path:
        return self.directory / "pid"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def addresses(self) -> dict[str, str]:
        every = {"tcp": f"127.0.0.1:{self.port}", "unix": str(self.unix)}
        return {name: address for name, address in every.items() if name in self.peer.ways}

    def signal(self, number: signal.Signals, pid: int = 0) -> None:
        os.kill(pid or self.main, number)

    def tree(self) -> list[Process]:
        """All of it that lives; a zombie is dead."""
        return [one for one in tree(self.process.pid) if is_alive(one.pid)]

    def pids(self) -> set[int]:
        return {one.pid for one in self.tree()}

    def is_up(self) -> bool:
        return is_alive(self.main)

    def port_is_free(self) -> bool:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", self.port))
            except OSError:
                return False
            return True

    def ask(self) -> tuple[str, str]:
        """The version and the process that answer a new connection; "" and "" if nothing does."""
        self._probes += 1
        question = Question.ask("GET", f"/probe/{self._probes}", keep=False)
        answer = Answer()
        with contextlib.suppress(OSError, NotHttpError):
            with socket.create_connection(("127.0.0.1", self.port), ANSWER_S) as sock:
                sock.sendall(question.octets)
                while not answer.receive(data := sock.recv(65536)) and data:
                    pass
            if answer.status == 200 and answer.content.startswith(question.answer):
                self.answered.add(answer.author[1])
                return answer.author
        return "", ""

    def wait_version(self, version: str, times: int = 3) -> bool:
        """Until so many answers in a row are of this version; False if that does not come to pass."""
        row = 0

        def is_there() -> bool:
            nonlocal row
            row = row + 1 if self.ask()[0] == version else 0
            return row >= times

        return wait_until(is_there)

    def wait_logged(self, text: str, times: int = 1) -> bool:
        return wait_until(lambda: self.log.count(text) >= times)


def is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE_S)
    return True


@contextlib.contextmanager
def _reserved(peer: Peer) -> Iterator[int]:
    """A port that is given to nobody else meanwhile, but by name: ours binds beside us, others may not be able to."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        if not peer.is_ours:
            sock.close()
        yield port


@contextlib.contextmanager
def serving(peer: Peer, wants: Wants, release: str, directory: Path) -> Iterator[Server]:
    """Raises ServerFailedError when it does not come up."""
    directory.mkdir()
    applications.write(directory, release, "1")
    (directory / "settings.py").write_text("")
    with contextlib.ExitStack() as stack:
        with _reserved(peer) as port:
            process = _start(peer, wants, port, directory)
            server = Server(peer, wants, directory, port, process, process.pid)
            stack.callback(sweep, server)
            if not server.wait_version("1", times=1):
                raise ServerFailedError(f"it did not come up: {server.log[-500:]}")
        yield server


def _start(peer: Peer, wants: Wants, port: int, directory: Path) -> subprocess.Popen[bytes]:
    values = {
        "port": str(port),
        "unix": str(directory / "app.sock"),
        "pidfile": str(directory / "pid"),
        "settings": str(directory / "settings.py"),
    }
    ours = ("PORT", "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", "TONNAGE_", "UVICORN_", "GRANIAN_", "LISTEN_", "NOTIFY_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environ |= {"PYTHONDONTWRITEBYTECODE": "1", "HOME": str(directory)}  # a second release in the same second
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            peer.arguments(wants, values),
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(server: Server) -> int | None:
    """Ask for a graceful end; its exit code, or None when it did not come or is nobody's to tell (after an upgrade)."""
    if not server.is_up():
        return server.process.poll()
    server.signal(signal.SIGTERM)
    wait_until(lambda: not server.is_up(), STOP_S)
    return server.process.poll() if server.main == server.process.pid else None


def sweep(server: Server) -> list[Process]:
    """End whatever is left; only what was started here, or by what was started here."""
    left = server.tree()
    for one in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)
    server.process.wait(PATIENCE_S)
    return left
