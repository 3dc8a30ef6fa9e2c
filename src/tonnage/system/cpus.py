"""How many CPUs this process may really use, as a fraction: 0.5 is half of one.

Four limits, and the least one binds: the CPUs that are there, those of our cpuset, those of our affinity (which the
kernel keeps within the cpuset), and the quota of our control group and of each of its ancestors. A quota is time: 150
ms in each 100 ms is 1.5 CPUs, and whoever has used it up waits for the next period, which is called throttled.

Python's os.process_cpu_count() knows of affinity only. `root` stands for /, so that files can stand for a machine.
sched(7), cpuset(7); Documentation/scheduler/sched-bwc.rst and admin-guide/cgroup-v2.rst of the kernel.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tonnage.system import cgroup
from tonnage.system.cgroup import ROOT, Group

CPUSET = ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus")  # version 2, version 1, an old version 1
THROTTLED = {1: ("throttled_time", 1e-9), 2: ("throttled_usec", 1e-6)}


@dataclass(frozen=True, slots=True)
class CpuLimit:
    cpus: float
    name: str  # online, cpuset, affinity or quota
    file: Path


@dataclass(frozen=True, slots=True)
class Throttling:
    """Since the group was made."""

    periods: int
    throttled: int  # of these
    seconds: float  # that runnable threads were made to wait
    file: Path


def limits(root: Path = ROOT) -> list[CpuLimit]:
    """The smallest first: that one binds. Of equal ones the first that limits; the others only agree."""
    found = [*_online(root), *_cpuset(root), *_affinity(root), *quotas(root)]
    return sorted(found, key=lambda limit: limit.cpus)


def usable(root: Path = ROOT) -> float:
    return next((limit.cpus for limit in limits(root)), float(os.cpu_count() or 1))


def quotas(root: Path = ROOT) -> Iterator[CpuLimit]:
    """Of our group and of every ancestor that has one."""
    group = cgroup.find("cpu", root)
    for each in group.lineage() if group is not None else ():
        limit = _quota_2(each) if each.version == 2 else _quota_1(each)
        if limit is not None:
            yield limit


def throttling(root: Path = ROOT) -> list[Throttling]:
    """Of each group that has a quota, ours first; and whether it has ever been felt."""
    found = []
    for limit in quotas(root):
        version = 2 if limit.file.name == "cpu.max" else 1
        stat = limit.file.parent / "cpu.stat"
        name, unit = THROTTLED[version]
        periods, throttled, waited = (cgroup.counter(stat, key) for key in ("nr_periods", "nr_throttled", name))
        if periods is not None and throttled is not None and waited is not None:
            found.append(Throttling(periods, throttled, waited * unit, stat))
    return found


def _quota_2(group: Group) -> CpuLimit | None:
    file = group.directory / "cpu.max"
    with suppress(OSError, ValueError):  # the root group has none; "max" is no number
        quota, period = map(int, file.read_text().split())
        return CpuLimit(quota / period, "quota", file)
    return None


def _quota_1(group: Group) -> CpuLimit | None:
    file = group.directory / "cpu.cfs_quota_us"
    quota, period = cgroup.number(file), cgroup.number(group.directory / "cpu.cfs_period_us")
    return CpuLimit(quota / period, "quota", file) if quota and period and quota > 0 else None


def _online(root: Path) -> Iterator[CpuLimit]:
    file = root / "sys/devices/system/cpu/online"
    with suppress(OSError):
        yield CpuLimit(_count(file.read_text()), "online", file)


def _cpuset(root: Path) -> Iterator[CpuLimit]:
    group = cgroup.find("cpuset", root)
    for each in group.lineage() if group is not None else ():
        for name in CPUSET:
            file = each.directory / name
            with suppress(OSError):
                if count := _count(file.read_text()):  # an empty one inherits
                    yield CpuLimit(count, "cpuset", file)
                    return  # "effective" already counts the ancestors in, and a child's is within its parent's


def _affinity(root: Path) -> Iterator[CpuLimit]:
    file = root / "proc/self/status"
    with suppress(OSError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(":")
            if key == "Cpus_allowed_list":
                yield CpuLimit(_count(value), "affinity", file)


def _count(ranges: str) -> int:
    """Of "0-3,8,10-11" seven."""
    ends = [part.partition("-") for part in ranges.strip().split(",") if part]
    return sum(int(last or first) - int(first) + 1 for first, _, last in ends)
