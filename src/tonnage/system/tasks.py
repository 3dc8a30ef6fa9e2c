"""How many more processes and threads may be started: the kernel counts both as tasks.

Bounds: pids.max of our control group and of each ancestor, RLIMIT_NPROC of the user (all its tasks on the machine,
getrlimit(2); root and who has CAP_SYS_RESOURCE is exempt), and what the machine holds (proc_sys_kernel(5)).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tonnage.system import cgroup
from tonnage.system.cgroup import ROOT
from tonnage.system.rlimits import FILE, rlimit

EXEMPT = 1 << 24 | 1 << 21  # CAP_SYS_RESOURCE and CAP_SYS_ADMIN, either of which will do (kernel/fork.c)


@dataclass(frozen=True, slots=True)
class TaskLimit:
    most: int
    used: int
    name: str
    file: Path

    @property
    def room(self) -> int:
        return max(0, self.most - self.used)


def limits(uid: int, root: Path = ROOT) -> list[TaskLimit]:
    """For the user that workers run as; the one with the least room first."""
    found = [*_groups(root), *_machine(root), *_user(uid, root)]
    return sorted(found, key=lambda limit: limit.room)


def _groups(root: Path) -> Iterator[TaskLimit]:
    group = cgroup.find("pids", root)
    for each in group.lineage() if group is not None else ():
        file = each.directory / "pids.max"
        most = cgroup.number(file)
        if most is not None:
            yield TaskLimit(most, cgroup.number(each.directory / "pids.current") or 0, "pids.max", file)


def _machine(root: Path) -> Iterator[TaskLimit]:
    with suppress(OSError, ValueError, IndexError):
        used = int((root / "proc/loadavg").read_text().split()[3].partition("/")[2])
        for name in ("threads-max", "pid_max"):
            file = root / "proc/sys/kernel" / name
            most = cgroup.number(file)
            if most is not None:
                yield TaskLimit(most, used, f"kernel.{name}", file)


def _user(uid: int, root: Path) -> Iterator[TaskLimit]:
    most = rlimit("Max processes", root)
    if most is not None and uid != 0 and not _exempt(root):
        yield TaskLimit(most, _tasks_of(uid, root), "RLIMIT_NPROC", root / FILE)


def _exempt(root: Path) -> bool:
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/status").read_text().splitlines():
            key, _, value = line.partition(":")
            if key == "CapEff":
                return bool(int(value, 16) & EXEMPT)
    return False


def _tasks_of(uid: int, root: Path) -> int:
    total = 0
    for status in (root / "proc").glob("[0-9]*/status"):
        with suppress(OSError, ValueError, KeyError):  # it may end while we look
            values = dict(line.split(":", 1) for line in status.read_text().splitlines())
            total += int(values["Threads"]) if int(values["Uid"].split()[0]) == uid else 0
    return total
