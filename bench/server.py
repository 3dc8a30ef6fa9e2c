"""Start one server on its core, know when it answers rightly, and leave nothing of it behind."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from . import measure, sockets
from .cases import Case
from .peers import Peer

START_S = 20.0
STOP_S = 3.0


class ServerFailedError(Exception):
    """It did not start, or its answer is not the application's."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all measurements share."""

    server_core: int
    load_core: int
    seconds: int
    idle: int
    environ: Mapping[str, str]
    scratch: Path
    answers: Mapping[tuple[str, str], bytes]  # (app, path) -> the content that Python's own call of the app gives

    @property
    def cores(self) -> tuple[int, int]:
        return self.server_core, self.load_core

    def answer(self, case: Case) -> bytes:
        return self.answers[case.app, case.path]


@dataclass(frozen=True, slots=True)
class Server:
    pid: int
    port: int
    log: Path

    def cpu_s(self) -> float:
        return measure.cpu_s(self.pid)

    def pss_bytes(self) -> int:
        return measure.pss_bytes(self.pid)

    def wait_calm(self) -> None:
        """Until all its processes have done what they do at start: a tenth of a second without processor time."""
        before, deadline = -1.0, time.monotonic() + START_S
        while (now := self.cpu_s()) != before and time.monotonic() < deadline:
            before = now
            time.sleep(0.1)


@contextlib.contextmanager
def running(peer: Peer, case: Case, bench: Bench, workers: int) -> Iterator[Server]:
    port = free_port()
    log = bench.scratch / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(bench.server_core), *_command(peer, case, bench, workers, port)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(bench.environ),
            cwd=bench.scratch,
            start_new_session=True,
        )
    server = Server(process.pid, port, log)
    try:
        _wait_ready(process, server, case, bench)
        server.wait_calm()
        yield server
    finally:
        _stop(process)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _command(peer: Peer, case: Case, bench: Bench, workers: int, port: int) -> list[str]:
    module, _, call = case.app.partition(":")
    values = {
        "python": sys.executable,
        "bin": str(Path(sys.executable).parent),
        "app": case.app,
        "module": module,
        "call": call,
        "port": str(port),
        "workers": str(workers),
        "scratch": str(bench.scratch),
        "config": str(bench.scratch / "config"),
    }
    (bench.scratch / "config").write_text(Template(peer.config).substitute(values))
    return peer.arguments(values)


def _wait_ready(process: subprocess.Popen[bytes], server: Server, case: Case, bench: Bench) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailedError(f"it ended at start with status {process.returncode}: {_last_words(server.log)}")
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return verify(server, case, bench)
    raise ServerFailedError(f"nothing listened after {START_S:.0f} s: {_last_words(server.log)}")


def _last_words(log: Path) -> str:
    """The last line of its log, the one that names an error if any does; without the paths of this machine."""
    text = log.read_text(errors="replace").replace(sys.prefix, "$venv").replace(str(log.parent), "$scratch")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "Error" in line] or lines
    return told[-1][:200] if told else "it said nothing"


def verify(server: Server, case: Case, bench: Bench) -> None:
    """The right echo, or the right status and content; or no measurement."""
    if case.is_websocket:
        _verify_echo(server, case)
    else:
        _verify_answer(server, case, bench)


def _verify_answer(server: Server, case: Case, bench: Bench) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)
    try:
        status, content = _ask(connection, case)
    except (OSError, http.client.HTTPException) as exc:
        raise ServerFailedError(f"no answer: {exc!r}; {_last_words(server.log)}") from exc
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        raise ServerFailedError(f"status {status} instead of 200: {_last_words(server.log)}")
    if content != bench.answer(case):
        raise ServerFailedError(f"wrong content: {content[:60]!r} ({len(content):,} octets)")


def _verify_echo(server: Server, case: Case) -> None:
    try:
        with sockets.open_socket(case, server.port) as sock:
            sockets.ask(sock)
    except OSError as exc:
        raise ServerFailedError(f"no echo: {exc!r}; {_last_words(server.log)}") from exc


def _ask(connection: http.client.HTTPConnection, case: Case) -> tuple[int, bytes]:
    connection.request("POST" if case.content else "GET", case.path, b"x" * case.content or None, case.fields)
    response = connection.getresponse()
    return response.status, response.read()


def keeps_connections(server: Server, case: Case) -> bool:
    """Whether a second request on the same connection is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)
    connection.auto_open = 0
    try:
        connection.connect()
        for _ in range(2):
            _ask(connection, case)
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask; then end what is left. Only processes of the tree that was started here are touched."""
    members = {member.pid: member for member in measure.tree(process.pid)}
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    for member in measure.processes():
        known = members.get(member.pid)
        if member.session == process.pid or (known and known.session == member.session):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)
    process.wait(STOP_S)
