"""Signals as something to read.

The handlers do nothing; the interpreter's C handler writes the signal's number into a pipe (signal.set_wakeup_fd), and
a loop reads it when it is ready to. A signal whose number cannot be written (64 KiB of them unread) is lost, silently:
by then the same signal has been waiting a thousand times over.

Only the main thread may install or close it (a rule of the signal module), and one process has one.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

STILL_MEANT = (signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD)  # at the end too, should something hang


def note(_number: int, _frame: FrameType | None) -> None:
    """A handler that only interrupts system calls. Unlike SIG_IGN it is not passed on to programs we execute."""


class WakeUp:
    """Readable when one of `signals` has come."""

    __slots__ = ("_read", "_signals", "_write")

    def __init__(self, signals: Iterable[int]) -> None:
        self._signals = tuple(signals)
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in self._signals:
            signal.signal(number, note)

    def fileno(self) -> int:
        return self._read

    def read(self) -> list[int]:
        """The numbers in the order they came; empty when there are none."""
        try:
            return list(os.read(self._read, 65536))
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Give the signals their default actions back."""
        self._close({})

    def retire(self) -> None:
        """The process ends: who asks for that twice does not make a death of it."""
        self._close(dict.fromkeys(self._signals, signal.SIG_IGN) | dict.fromkeys(STILL_MEANT, signal.SIG_DFL))

    def _close(self, actions: Mapping[int, signal.Handlers]) -> None:
        signal.set_wakeup_fd(-1)
        for number in self._signals:
            signal.signal(number, actions.get(number, signal.SIG_DFL))
        os.close(self._read)
        os.close(self._write)


Mask = set[int | signal.Signals]


@contextmanager
def held_back() -> Iterator[Mask]:
    """Nothing is delivered inside; what came is delivered at the end.

    Around a fork: or else a signal for the new child would be written into the pipe it still shares with its parent.
    """
    before = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    try:
        yield {*before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
