"""Control groups made for a test: what is served in there has so much memory and so many CPUs, and no more."""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.server import PATIENCE_S, command
from tonnage.system.cgroup import Group, find

PERIOD_US = 100_000
MIB = 1 << 20
MOVE = """
import os, sys
count = int(sys.argv[1])
for file in sys.argv[2 : 2 + count]:
    open(file, "w").write("0")
os.execvp(sys.argv[2 + count], sys.argv[2 + count :])
"""


@dataclass(frozen=True)
class Cell:
    groups: tuple[Group, ...]

    @property
    def words(self) -> list[str]:
        """The command, begun in there."""
        files = [str(group.directory / "cgroup.procs") for group in self.groups]
        return [sys.executable, "-c", MOVE, str(len(files)), *files, *command()]

    def oom_kills(self) -> int:
        group = self.groups[0]
        file = group.directory / ("memory.events" if group.version == 2 else "memory.oom_control")
        return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith("oom_kill "))

    def peak_octets(self) -> int:
        group = self.groups[0]
        return int(
            (group.directory / ("memory.peak" if group.version == 2 else "memory.max_usage_in_bytes")).read_text()
        )


@contextlib.contextmanager
def cell(memory_mib: int, cpus: float | None = None) -> Iterator[Cell]:
    """Skips where this machine does not let us make one."""
    with contextlib.ExitStack() as stack:
        memory = _made("memory", stack)
        limit = "memory.max" if memory.version == 2 else "memory.limit_in_bytes"
        _write(memory.directory / limit, str(memory_mib * MIB))
        if cpus is None:
            yield Cell((memory,))
            return
        cpu = _made("cpu", stack) if memory.version == 1 else memory
        quota = int(cpus * PERIOD_US)
        if cpu.version == 2:
            _write(cpu.directory / "cpu.max", f"{quota} {PERIOD_US}")
        else:
            _write(cpu.directory / "cpu.cfs_quota_us", str(quota))
        yield Cell((memory,) if cpu == memory else (memory, cpu))


def _made(controller: str, stack: contextlib.ExitStack) -> Group:
    ours = find(controller)
    if ours is None:
        pytest.skip(f"this machine has no control groups for {controller}")
    group = Group(ours.version, ours.directory / f"tonnage-live-{os.getpid()}", ours.top)
    try:
        group.directory.mkdir()
    except OSError as exc:
        pytest.skip(f"no control group can be made here: {exc}")
    stack.callback(_remove, group.directory)
    return group


def _remove(directory: Path) -> None:
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
        pytest.skip(f"not delegated to groups made here: {exc}")
