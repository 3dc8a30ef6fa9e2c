"""The client of a measurement: one request at a time, on a connection that is kept, over a Unix socket."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tonnage.errors import MeasureError
from tonnage.system.cputime import own_queued_ns

FIELDS = {"User-Agent": "tonnage-footprint", "Accept": "*/*", "X-Forwarded-Proto": "https"}  # or else many redirect


@dataclass(frozen=True, slots=True)
class Visit:
    status: int
    wall_s: float  # from the first octet sent to the last one received
    queued_s: float  # of that, for how long the answer was there and we had no CPU to take it


class Visitor:
    def __init__(self, path: Path, host: str, patience_s: float) -> None:
        self._connection = _Connection(path, host, patience_s)

    def get(self, target: str, *, keep: bool = True) -> Visit:
        """Raises MeasureError when there is no answer."""
        try:
            return self._get(target, keep=keep)
        except (OSError, HTTPException):  # it had closed a connection that was kept: that is for the client to expect
            self._connection.close()
        try:
            return self._get(target, keep=keep)
        except (OSError, HTTPException) as exc:
            raise MeasureError(f"GET {target} was not answered: {exc or type(exc).__name__}") from exc

    def _get(self, target: str, *, keep: bool) -> Visit:
        began = time.perf_counter()
        self._connection.request("GET", target, headers=FIELDS if keep else FIELDS | {"Connection": "close"})
        sent = own_queued_ns()  # what we wait until here, the worker may well be at work meanwhile, on our CPU
        response = self._connection.getresponse()
        response.read()
        wall_s = time.perf_counter() - began
        return Visit(response.status, wall_s, min(wall_s, (own_queued_ns() - sent) / 1e9))

    def close(self) -> None:
        self._connection.close()


class _Connection(HTTPConnection):
    def __init__(self, path: Path, host: str, patience_s: float) -> None:
        super().__init__(host, timeout=patience_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
