"""Calls from other threads, carried out on the loop's thread."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class Mailbox:
    """`fileno()` is readable when the loop sleeps and something was posted. Nobody is woken that is awake."""

    __slots__ = ("_posted", "_read", "_write", "sleeping")

    def __init__(self) -> None:
        self.sleeping = False  # the loop is about to wait, or waits; set by the loop
        self._posted: deque[Callable[[], None]] = deque()
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __bool__(self) -> bool:
        return bool(self._posted)

    def fileno(self) -> int:
        return self._read

    def post(self, action: Callable[[], None]) -> None:
        """From any thread."""
        self._posted.append(action)
        if self.sleeping:
            self.sleeping = False  # one wake-up is enough for all that is posted until the loop looks
            os.write(self._write, b"\1")

    def woken(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._read, 4096)

    def deliver(self) -> None:
        """On the loop's thread."""
        while self._posted:
            self._posted.popleft()()
