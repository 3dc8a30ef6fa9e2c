"""How much CPU time a process has used, all its threads together, to the nanosecond: its clock, asked from outside.

clock_getcpuclockid(3) makes the clock's number from the pid alone; Python has no name for it. Anybody may ask.
"""

from __future__ import annotations

import time

CPUCLOCK_SCHED = 2  # include/linux/posix-timers.h


def used_ns(pid: int) -> int:
    """Raises OSError when there is no such process, or this is not Linux. A zombie's clock has stopped, and is told."""
    return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED)
