"""The client of a measurement: one request at a time, on a connection that is kept, over a Unix socket."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, IncompleteRead
from pathlib import Path

from tonnage.errors import MeasureError
from tonnage.system.cputime import own_queued_ns

FIELDS = {"User-Agent": "tonnage-footprint", "Accept": "*/*", "X-Forwarded-Proto": "https"}  # or else many redirect
PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class Visit:
    status: int
    wall_s: float  # from the first octet sent to the last one received
    queued_s: float  # of that, for how long the answer was there and we had no CPU to take it


class UnansweredError(MeasureError):
    """`why` is the end of a sentence about the request; `is_late`: it may have been answered later."""

    def __init__(self, target: str, why: str, *, is_late: bool) -> None:
        super().__init__(f"GET {target} {why}")
        self.why = why
        self.is_late = is_late


class Visitor:
    """Gives each answer `patience_s`, however many pieces it comes in."""

    def __init__(self, path: Path, host: str, patience_s: float) -> None:
        self._connection = _Connection(path, host, patience_s)
        self._patience_s = patience_s

    def get(self, target: str, *, keep: bool = True) -> Visit:
        """Raises UnansweredError."""
        if self._connection.sock is not None:
            try:
                return self._got(target, keep=keep)
            except (OSError, HTTPException):  # it had closed a connection that was kept: for the client to expect
                self._connection.close()
        try:
            return self._got(target, keep=keep)
        except (OSError, HTTPException) as exc:
            self._connection.close()
            raise UnansweredError(target, f"is not answered: {exc or type(exc).__name__}", is_late=False) from exc

    def _got(self, target: str, *, keep: bool) -> Visit:
        try:
            return self._get(target, keep=keep)
        except TimeoutError as exc:
            self._connection.close()
            why = f"is not answered to the end within {self._patience_s:g} s"
            raise UnansweredError(target, why, is_late=True) from exc

    def _get(self, target: str, *, keep: bool) -> Visit:
        began = time.perf_counter()
        deadline = began + self._patience_s
        self._connection.settimeout(self._patience_s)
        self._connection.request("GET", target, headers=FIELDS if keep else FIELDS | {"Connection": "close"})
        sent = own_queued_ns()  # what we wait until here, the worker may well be at work meanwhile, on our CPU
        sock = self._connection.sock  # the connection forgets it when it is the last answer
        response = self._connection.getresponse()
        while response.read1(PIECE):
            left_s = deadline - time.perf_counter()
            if left_s <= 0:
                response.close()
                raise TimeoutError
            sock.settimeout(left_s)
        if response.length:
            raise IncompleteRead(b"", response.length)
        response.close()
        wall_s = time.perf_counter() - began
        return Visit(response.status, wall_s, min(wall_s, (own_queued_ns() - sent) / 1e9))

    def close(self) -> None:
        self._connection.close()


class _Connection(HTTPConnection):
    def __init__(self, path: Path, host: str, patience_s: float) -> None:
        super().__init__(host, timeout=patience_s)
        self._path = path

    def settimeout(self, seconds: float) -> None:
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
