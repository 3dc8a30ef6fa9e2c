"""A client at work, as the show holds it: start it, let it run, end it, read its record."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from .outcomes import Record
from .ways import Way

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 5.0  # how long a client waits for its answer
GRACE_S = 20.0  # for the client's own end, after the last patience


class ClientFailedError(Exception):
    """The client ended without a record: nothing was measured."""


class Load:
    def __init__(self, ways: list[Way], patience_s: float = PATIENCE_S) -> None:
        """It has begun when this returns."""
        self._patience_s = patience_s
        plan = json.dumps({"ways": [asdict(way) for way in ways], "patience_s": patience_s})
        command = [sys.executable, "-m", "prove.client", plan]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._expect(b"began")

    def wait_sent(self) -> None:
        """For a way with a count: until its last request was sent."""
        self._expect(b"sent")

    def end(self) -> Record:
        """No more requests; those that are on the way may still be answered."""
        try:
            said, _ = self._process.communicate(timeout=self._patience_s + GRACE_S)
        except subprocess.TimeoutExpired:
            raise ClientFailedError("the client did not end") from None
        return self._record(said)

    def finish(self) -> Record:
        """When every way has a count: once all of it is done."""
        assert self._process.stdout is not None
        return self._record(self._process.stdout.read())

    def _record(self, said: bytes) -> Record:
        lines = said.decode().splitlines()
        if self._process.wait(GRACE_S) or not lines:
            raise ClientFailedError(f"the client ended with {self._process.returncode}")
        return Record.load(lines[-1])

    def _expect(self, word: bytes) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line.strip() != word:
            raise ClientFailedError(f"the client said {line[:80]!r} instead of {word.decode()!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
