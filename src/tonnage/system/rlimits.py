"""Resource limits of this process, which its children inherit. proc_pid_limits(5), getrlimit(2)"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tonnage.system.cgroup import ROOT

FILE = "proc/self/limits"


def rlimit(name: str, root: Path = ROOT, *, hard: bool = False) -> int | None:
    """A line by the kernel's name for it; None for "unlimited", or where it cannot be read."""
    with suppress(OSError, ValueError):
        for line in (root / FILE).read_text().splitlines():
            if line.startswith(name):
                return int(line.removeprefix(name).split()[1 if hard else 0])
    return None
