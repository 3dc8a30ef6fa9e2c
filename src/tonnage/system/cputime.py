"""How much CPU time a process has used, all its threads together, to the nanosecond: its clock, asked from outside; and
of each thread, for how long it could have run and had no CPU.

clock_getcpuclockid(3) makes the clock's number from the pid alone; Python has no name for it. Anybody may ask.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

OWN = Path("/proc/thread-self/schedstat")
CPUCLOCK_SCHED = 2  # include/linux/posix-timers.h


def used_ns(pid: int) -> int:
    """Raises OSError when there is no such process, or this is not Linux. A zombie's clock has stopped, and is told."""
    return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED)


@dataclass(frozen=True, slots=True)
class Turn:
    """Of one thread."""

    used_ns: int
    queued_ns: int  # could have run, and had to wait


def turns(pid: int, proc: Path = Path("/proc")) -> dict[int, Turn]:
    """By thread (Documentation/scheduler/sched-stats.rst). Empty where the kernel does not count that.

    Raises OSError when there is no such process.
    """
    found = {}
    for task in (proc / str(pid) / "task").iterdir():
        with suppress(ProcessLookupError, FileNotFoundError):  # it has ended
            found[int(task.name)] = _turn(task / "schedstat")
    return found


def own_queued_ns() -> int:
    """Of the thread that asks; 0 where the kernel does not count that."""
    try:
        return _turn(OWN).queued_ns
    except FileNotFoundError:
        return 0


def _turn(file: Path) -> Turn:
    used, queued, _ = map(int, file.read_bytes().split())
    return Turn(used, queued)
