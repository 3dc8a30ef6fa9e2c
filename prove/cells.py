"""Control groups made for a show: what is served in there has so much memory and so many CPUs, and no more."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tonnage.system.cgroup import Group, find

PERIOD_US = 100_000
MIB = 1 << 20
PATIENCE_S = 60.0
NUMBERS = count()
MOVE = """
import os, sys
count = int(sys.argv[1])
for file in sys.argv[2 : 2 + count]:
    open(file, "w").write("0")
os.execvp(sys.argv[2 + count], sys.argv[2 + count :])
"""


class NoCellError(Exception):
    """No control group can be made on this machine, or none that limits."""


@dataclass(frozen=True)
class Cell:
    groups: tuple[Group, ...]  # the one of memory first

    def within(self, command: list[str]) -> list[str]:
        """The command, begun in there."""
        files = [str(group.directory / "cgroup.procs") for group in self.groups]
        return [sys.executable, "-c", MOVE, str(len(files)), *files, *command]

    def oom_kills(self) -> int:
        return self._read("memory.oom_control", "memory.events", "oom_kill")

    def limit_hits(self) -> int:
        """How often the limit was reached: then the kernel reclaims, and kills if that does not do."""
        return self._read("memory.failcnt", "memory.events", "max")

    def peak_octets(self) -> int:
        return self._read("memory.max_usage_in_bytes", "memory.peak")

    def _read(self, one: str, two: str, key: str = "") -> int:
        group = self.groups[0]
        words = (group.directory / (two if group.version == 2 else one)).read_text().split()
        return int(words[words.index(key) + 1] if key in words else words[0])


@contextlib.contextmanager
def cell(memory_mib: int, cpus: float | None = None) -> Iterator[Cell]:
    """Raises NoCellError."""
    with contextlib.ExitStack() as stack:
        number = next(NUMBERS)
        memory = _made("memory", number, stack)
        limit = "memory.max" if memory.version == 2 else "memory.limit_in_bytes"
        _write(memory.directory / limit, str(memory_mib * MIB))
        if cpus is None:
            yield Cell((memory,))
            return
        cpu = _made("cpu", number, stack) if memory.version == 1 else memory
        quota = int(cpus * PERIOD_US)
        if cpu.version == 2:
            _write(cpu.directory / "cpu.max", f"{quota} {PERIOD_US}")
        else:
            _write(cpu.directory / "cpu.cfs_quota_us", str(quota))
        yield Cell((memory,) if cpu == memory else (memory, cpu))


@contextlib.contextmanager
def favoured() -> Iterator[Cell]:
    """Not bounded, but with all the weight there is: what other work on the machine wants, it gets little of.

    A nice value does not do that between sessions (sched(7), autogroup). Raises NoCellError.
    """
    with contextlib.ExitStack() as stack:
        cpu = _made("cpu", next(NUMBERS), stack)
        file, most = ("cpu.weight", "10000") if cpu.version == 2 else ("cpu.shares", "262144")
        _write(cpu.directory / file, most)
        yield Cell((cpu,))


def _made(controller: str, number: int, stack: contextlib.ExitStack) -> Group:
    ours = find(controller)
    if ours is None:
        raise NoCellError(f"this machine has no control groups for {controller}")
    group = Group(ours.version, ours.directory / f"tonnage-{os.getpid()}-{number}", ours.top)
    try:
        group.directory.mkdir()
    except OSError as exc:
        raise NoCellError(f"no control group can be made here: {exc}") from exc
    stack.callback(remove, group.directory)
    return group


def remove(directory: Path) -> None:
    """Busy as long as somebody in there is being reaped."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            directory.rmdir()
        except OSError as exc:
            if exc.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            os.sched_yield()
        else:
            return


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as exc:
        raise NoCellError(f"not delegated to groups made here: {exc}") from exc
