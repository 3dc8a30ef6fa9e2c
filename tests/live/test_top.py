"""`tonnage top` in a pseudo-terminal of 80 by 24, read by pyte as a person would."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest

from tests.live.apps import HELD, Gate, write_app
from tests.live.server import PATIENCE_S, clean_environ, command, serve

CONTROL = ["--control-socket", "control"]


class Terminal:
    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)

    def wait_for(self, seen: Callable[[list[str]], bool]) -> list[str]:
        while not seen(lines := [line.rstrip() for line in self.screen.display]):
            assert select.select([self.fd], [], [], PATIENCE_S)[0], "\n".join(lines)
            self._stream.feed(os.read(self.fd, 65536))
        return lines

    def type(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def rest(self) -> None:
        try:
            while data := os.read(self.fd, 65536):
                self._stream.feed(data)
        except OSError:  # EIO: nobody has the other side
            pass


@contextmanager
def top(cwd: Path, terminal: str = "xterm-256color") -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [*command(), "top", *CONTROL], cwd=cwd, env={**clean_environ(), "TERM": terminal},
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(master), process
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_it_shows_what_happens_and_ends_with_q(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    write_app(tmp_path, HELD)
    gate = Gate(tmp_path, "held")
    with serve("app", "--workers", "2", *CONTROL, cwd=tmp_path) as server, top(tmp_path) as (terminal, process):
        terminal.wait_for(lambda lines: "2 of 2 workers ready" in lines[0] and "q quits" in lines)
        wire = server.connect()
        wire.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        lines = terminal.wait_for(lambda lines: any("GET /held" in line for line in lines))
        assert {line.split()[0] for line in lines if " ready " in line[:20]} == set(map(str, server.workers()))
        gate.open()
        assert wire.reply().status == 200
        terminal.wait_for(lambda lines: not any("GET /held" in line for line in lines))
        terminal.type(b"q")
        terminal.rest()
        assert process.wait(PATIENCE_S) == 0


def test_it_ends_when_its_server_does(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    write_app(tmp_path, HELD)
    with top(tmp_path) as (terminal, process):
        terminal.rest()
        assert process.wait(PATIENCE_S) == 1
        assert any("no server answers at" in line for line in terminal.screen.display)


def test_a_terminal_that_can_only_be_written_downwards_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with top(tmp_path, terminal="dumb") as (terminal, process):
        terminal.rest()
        assert process.wait(PATIENCE_S) == 2
        assert any("`tonnage status`" in line for line in terminal.screen.display)
