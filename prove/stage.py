"""What a scenario acts on while the load runs: the server, the time it may take, and what it wants to be remembered."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import dataclass, field

from . import applications
from .outcomes import Failure
from .server import PATIENCE_S, Server, is_alive, wait_until
from .wire import Question


@dataclass(frozen=True, slots=True)
class Pace:
    rate: float = 200.0  # requests/s
    quiet_s: float = 6.0  # before anything happens: what p99 is compared with
    tail_s: float = 3.0  # after it has happened
    trouble_s: float = 15.0  # of what goes on all the time
    reloads: int = 50
    reloads_s: float = 45.0  # no further reload after that
    bad_s: float = 6.0  # after a reload that must come to nothing
    step_s: float = 0.5  # between two workers more, or less
    kills: int = 5


LONG = Pace()
QUICK = Pace(quiet_s=2.0, tail_s=1.0, trouble_s=6.0, reloads=5, kills=1)
SHORT = Pace(rate=100.0, quiet_s=0.2, tail_s=0.2, trouble_s=4.0, reloads=3, bad_s=1.0, step_s=0.1, kills=1)


@dataclass(slots=True)
class Stage:
    server: Server
    pace: Pace
    notes: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)  # what the server was to do beside losing nothing, and did not
    went_back: float = 0.0  # when the release before answered again
    killed_at: list[float] = field(default_factory=list)
    victims: list[str] = field(default_factory=list)  # paths of requests that were inside a killed worker
    version: int = 1

    def rest(self, seconds: float) -> None:
        """The load goes on."""
        time.sleep(seconds)

    def release(self, source: str) -> str:
        """The next release is on the disk; its version."""
        self.version += 1
        applications.write(self.server.directory, source, str(self.version))
        return str(self.version)

    def expect(self, came_true: bool, flaw: str) -> None:
        if not came_true:
            self.flaws.append(flaw)

    def hold(self, name: str, milliseconds: int) -> tuple[socket.socket, int]:
        """A request that is now inside a worker, and the worker's pid."""
        sock = socket.create_connection(("127.0.0.1", self.server.port), PATIENCE_S)
        sock.sendall(Question.ask("GET", f"/held/{milliseconds}/{name}", keep=False).octets)
        wait_until(lambda: bool(self.inside(name)))
        return sock, self.inside(name)[0]

    def inside(self, name: str) -> list[int]:
        """Pids of workers in which such requests are, or were."""
        return [int(mark.name.split(".")[1]) for mark in self.server.directory.glob(f"inside.*.{name or '*'}")]

    def kill(self, pid: int) -> None:
        self.killed_at.append(time.monotonic())
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))

    def was_before_it_went_back(self, failure: Failure) -> bool:
        return failure.due <= self.went_back

    def was_killed_with(self, failure: Failure) -> bool:
        """The request was with a worker, or on the way into it, when that was killed."""
        return any(failure.due <= moment <= failure.ended for moment in self.killed_at)
