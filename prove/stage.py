"""What a scenario acts on while the load runs: the server, the time it may take, and what it wants to be remembered."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field

from . import applications, load
from .outcomes import Failure, Record
from .server import PATIENCE_S, Server, wait_until
from .wire import Question

NOTICE_S = 0.2  # for nginx, on a busy machine
BAD_GATEWAY = "502"
CRASH_S = 0.5  # from its last answer to the end of its last crash


@dataclass(frozen=True, slots=True)
class Pace:
    rate: float = 200.0  # requests/s
    quiet_s: float = 1.5  # before anything happens: what p99 is compared with
    tail_s: float = 0.8  # after it has happened
    trouble_s: float = 3.0  # of what goes on all the time
    reloads: int = 50
    reloads_s: float = 90.0  # no further reload after that; of others' servers, an eighth of it
    settle: float = 1.0  # times Peer.settles_s: how long a reload is watched that must come to nothing
    import_s: float = 3.0  # a slow one
    step_s: float = 0.3  # between two workers more, or less
    patience_s: float = load.PATIENCE_S  # how long a client waits for its answer
    kills: int = 2


LONG = Pace()
QUICK = Pace(quiet_s=1.0, tail_s=1.0, trouble_s=4.0, reloads=5, reloads_s=10.0, kills=1)
SHORT = Pace(
    rate=100.0,
    quiet_s=0.2,
    tail_s=0.5,
    trouble_s=0.5,
    reloads=3,
    settle=0.25,
    import_s=1.0,
    step_s=0.1,
    patience_s=60.0,
    kills=1,
)


@dataclass(slots=True)
class Stage:
    server: Server
    pace: Pace
    notes: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)  # what the server was to do beside losing nothing, and did not
    crashing: str = ""  # the version that crashes
    went_back: float = 0.0  # its last answer, if it has left
    deaths: list[tuple[float, float]] = field(default_factory=list)  # from the signal to the last close
    victims: list[str] = field(default_factory=list)  # paths of requests that were inside a killed worker
    version: int = 1

    @property
    def settle_s(self) -> float:
        return self.pace.settle * self.server.peer.settles_s

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
        with open(os.pidfd_open(pid)) as death:  # noqa: PTH123 -- a zombie may have threads that still hold its files
            begun = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            select.select([death], [], [], PATIENCE_S)
            self.deaths.append((begun, time.monotonic()))

    def wait_new_worker(self, known: set[int]) -> None:
        """Until a process answers that was not there before."""
        others = {"", *map(str, known)}
        self.expect(wait_until(lambda: self.server.ask()[1] not in others), "no new worker has answered")

    def learn(self, record: Record) -> None:
        """What only the clients can tell."""
        if self.crashing:
            last = record.last_of.get(self.crashing, 0.0)
            if not last:
                self.flaws.append("the crashing release never answered")
            elif last > max(record.last_of.values()) - self.pace.tail_s / 2:
                self.flaws.append("the crashing release stayed")
            else:
                self.went_back = last

    def was_before_it_went_back(self, failure: Failure) -> bool:
        return failure.due <= self.went_back + CRASH_S

    def was_killed_with(self, failure: Failure) -> bool:
        """The request was with a worker, or on the way into it, when that was killed.

        nginx may send a request into a connection whose end it has not seen yet; it does not repeat a POST.
        """
        notice_s = NOTICE_S if failure.detail == BAD_GATEWAY else 0.0
        return any(failure.due <= gone + notice_s and begun <= failure.ended for begun, gone in self.deaths)
