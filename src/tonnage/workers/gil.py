"""How long a thread that could run waits for the interpreter (the GIL), sampled once a second.

A thread sleeps, and looks how late it is. What it waited for a CPU is taken off, as the kernel tells it (the second
figure of /proc/thread-self/schedstat; where there is none, that stays in); the rest is the wait for the interpreter.
About 0.1 ms is the timer's own. One thread that computes all the time shows as about 5 ms, the interpreter's switch
interval; n threads as about n times that. So it tells what more threads in this process would have to expect, and near
0 that the GIL is not what holds anybody up.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from tonnage.system.scoreboard import Cell, Slot

SCHEDSTAT = "/proc/thread-self/schedstat"


class GilGauge:
    """Made anywhere, used on one thread."""

    def __init__(self, slot: Slot) -> None:
        self._cells = slot.cells
        self._fd: int | None = None

    def sleep(self, seconds: float) -> None:
        """And note how late it became."""
        if self._fd is None:
            self._fd = _open()
        began_ns, queued_ns = time.monotonic_ns(), self._queued_ns()
        time.sleep(seconds)
        late_ns = time.monotonic_ns() - began_ns - int(seconds * 1e9) - (self._queued_ns() - queued_ns)
        self._cells[Cell.GIL_WAIT_NS] += max(0, late_ns)
        self._cells[Cell.GIL_LOOKS] += 1

    def _queued_ns(self) -> int:
        """How long this thread has ever waited for a CPU."""
        if self._fd is None or self._fd < 0:
            return 0
        return int(os.pread(self._fd, 64, 0).split()[1])


def _open() -> int:
    with suppress(OSError):  # no Linux, or a kernel without CONFIG_SCHED_INFO
        return os.open(SCHEDSTAT, os.O_RDONLY | os.O_CLOEXEC)
    return -1
