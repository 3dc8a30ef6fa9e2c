"""A supervisor's loop, as far as Control has to do with it, and operators at its socket. Nothing runs by itself."""

from __future__ import annotations

import json
import logging
import os
import selectors
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tonnage.control.overview import ListenerView, Overview
from tonnage.supervisor.control import Control, Where
from tonnage.supervisor.facts import Fact

OVERVIEW = Overview("0.1.0", os.getpid(), "serving", 1, 2, 3.0, (ListenerView("http://[::]:80", 1, 2048),), ())


@dataclass
class Operator:
    sock: socket.socket
    desk: Desk
    rest: bytes = b""

    def ask(self, request: str, **fields: object) -> list[Fact]:
        self.sock.sendall(json.dumps({"request": request, **fields}).encode() + b"\n")
        return self.desk.turn()

    def hears(self) -> list[dict[str, object]]:
        """All that has come since."""
        with suppress(BlockingIOError):
            while data := self.sock.recv(65536):
                self.rest += data
        *lines, self.rest = self.rest.split(b"\n")
        return [json.loads(line) for line in lines]

    def is_dropped(self) -> bool:
        try:
            while self.sock.recv(65536):
                pass
        except BlockingIOError:
            return False
        except ConnectionResetError:
            pass
        return True


@dataclass
class Desk:
    place: Where
    log: logging.Logger
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    operators: list[Operator] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.control = Control(self.selector, self.log, lambda: OVERVIEW)
        self.control.open(self.place)

    def turn(self) -> list[Fact]:
        """Until nothing is left to do."""
        facts: list[Fact] = []
        while keys := self.selector.select(0):
            for key, _ in keys:
                facts += key.data()
        return facts

    def operator(self) -> Operator:
        assert self.control.path is not None
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self.control.path))
        sock.setblocking(False)
        self.operators.append(Operator(sock, self))
        self.turn()
        return self.operators[-1]

    def leave(self) -> None:
        self.control.close()
        self.selector.close()
        for operator in self.operators:
            operator.sock.close()


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.control")
    logger.setLevel(logging.INFO)
    yield logger
    assert logger.handlers == []  # nothing of ours is left in it


@pytest.fixture
def desk(tmp_path: Path, log: logging.Logger) -> Iterator[Desk]:
    found = Desk(Where((tmp_path / "control",)), log)
    yield found
    found.leave()
