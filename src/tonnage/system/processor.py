"""How the machine's CPUs have spent their time: /proc/stat, proc_stat(5)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tonnage.system.cgroup import ROOT

IDLE = slice(3, 5)  # idle and iowait: of the ten columns, the ones in which nothing ran
COLUMNS = slice(0, 8)  # guest time, the last two, is in user time already


@dataclass(frozen=True, slots=True)
class Times:
    """In ticks, over all CPUs, since the machine has started."""

    idle: int
    all: int
    cpus: int


def times(root: Path = ROOT) -> Times | None:
    """None where the kernel does not say."""
    with suppress(OSError, ValueError, IndexError):
        lines = (root / "proc/stat").read_text().splitlines()
        ticks = [int(each) for each in lines[0].split()[1:]]
        count = sum(line.startswith("cpu") for line in lines) - 1
        return Times(sum(ticks[IDLE]), sum(ticks[COLUMNS]), count)
    return None


def idle(before: Times, after: Times) -> float:
    """How many CPUs nobody used in between, on average."""
    passed = after.all - before.all
    return (after.idle - before.idle) / passed * after.cpus if passed > 0 else 0.0
