"""The real command in its own process, as an operator starts it.

Port 0 and readiness by pipe, so nothing is guessed; log lines are waited for, so nothing sleeps; at the end the
server must leave with the code that was promised, without a traceback, and with no process of its own behind.
"""

import contextlib
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from tests.live.wire import Address, Reply, Wire, parse_address

PATIENCE_S = 60  # how long anything may take before it is called stuck; never a measure of speed
TCP = "127.0.0.1:0"
ONE_WORKER = {"WEB_CONCURRENCY": "1"}  # where a test says nothing: the weakest of all sources, below any file and flag


def command() -> list[str]:
    """The installed console script; TONNAGE names another command, to hold a different build to the same promises."""
    script = Path(sys.executable).with_name("tonnage")
    default = [str(script)] if script.exists() else [sys.executable, "-m", "tonnage"]
    return shlex.split(os.environ.get("TONNAGE", "")) or default


class Log:
    """Everything the server and its workers write to stderr and stdout; the pipe ends when the last of them is gone."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.text = ""
        self._grown = threading.Condition()
        self._pipe = pipe
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 65536):
                with self._grown:
                    self.text += data.decode(errors="replace")
                    self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()

    def wait_for(self, pattern: str, times: int = 1, patience: float = PATIENCE_S) -> list[re.Match[str]]:
        """Blocks until the pattern was written so many times; its matches."""
        with self._grown:
            found = self._grown.wait_for(lambda: len(self._matches(pattern)) >= times, timeout=patience)
        assert found, f"{pattern!r} was not logged {times} times:\n{self.text}"
        return self._matches(pattern)

    def _matches(self, pattern: str) -> list[re.Match[str]]:
        return list(re.finditer(pattern, self.text, re.MULTILINE))

    def wait_for_end(self) -> None:
        self._reader.join(PATIENCE_S)
        assert not self._reader.is_alive(), f"a process of the server outlived it:\n{self.text}"


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    urls: tuple[str, ...]
    log: Log
    _wires: list[Wire] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def address(self) -> Address:
        return parse_address(self.urls[0])

    def connect(self) -> Wire:
        """Closed when the test ends, whatever happens."""
        wire = Wire(self.address, PATIENCE_S)
        self._wires.append(wire)
        return wire

    def get(self, path: str = "/", *fields: tuple[str, str], method: str = "GET", body: bytes = b"") -> Reply:
        with contextlib.closing(self.connect()) as wire:
            return wire.ask(method, path, [*fields, ("Connection", "close")], body)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return sorted(map(int, children.split()))

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self.log.wait_for_end()
        return code

    def close(self) -> None:
        for wire in self._wires:
            wire.close()


@contextlib.contextmanager
def serve(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    bind: str | None = TCP,
    expected: int = 0,
    tracebacks: bool = False,
) -> Iterator[Running]:
    """Serves until the block ends, then stops gracefully, unless the block did; bind=None when `arguments` say it."""
    where = [] if bind is None else ["--bind", bind]
    process, ready = start(*arguments, *where, cwd=cwd, env=env)
    assert process.stdout is not None
    running = Running(process, (), Log(process.stdout))
    try:
        running.urls = tuple(read_ready(ready))
        assert running.urls, f"never became ready:\n{running.log.text}"
        yield running
        if process.poll() is None:
            running.close()
            process.terminate()
        assert running.wait() == expected, running.log.text
        assert tracebacks or "Traceback" not in running.log.text, running.log.text
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        running.close()


def start(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> tuple[subprocess.Popen[bytes], BinaryIO]:
    """The process and the pipe on which it will say that it is ready."""
    ready, tell = os.pipe()
    process = subprocess.Popen(
        [*command(), *arguments, "--ready-fd", str(tell)],
        cwd=cwd,
        env={**clean_environ(), **ONE_WORKER, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[tell],
        start_new_session=True,
    )
    os.close(tell)
    return process, os.fdopen(ready, "rb")


def read_ready(pipe: BinaryIO) -> list[str]:
    """One line per listener; the pipe ends when all are told, or when the server gave up."""
    with pipe:
        data = b""
        while select.select([pipe], [], [], PATIENCE_S)[0] and (more := os.read(pipe.fileno(), 4096)):
            data += more
    return data.decode().split()


def clean_environ() -> dict[str, str]:
    """Without what a developer's shell may hold and the server would obey."""
    obeyed = ("PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "SENDFILE", "GUNICORN_CMD_ARGS", "TONNAGE_", "DJANGO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(obeyed)}


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


def run(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
    """The command to its own end; for what refuses to start, and for commands that only print."""
    done = subprocess.run(
        [*command(), *arguments],
        cwd=cwd,
        env={**clean_environ(), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
