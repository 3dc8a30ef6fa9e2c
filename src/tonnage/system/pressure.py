"""Pressure stall information: which share of the time somebody had to wait for CPU, memory or disk.

Of our control group in version 2, else of the machine. Documentation/accounting/psi.rst of the kernel.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tonnage.system import cgroup
from tonnage.system.cgroup import ROOT

Resource = Literal["cpu", "memory", "io"]


@dataclass(frozen=True, slots=True)
class Pressure:
    some_10s: float  # percent of the last 10 s, and of the last 60 s, in which at least one task waited
    some_60s: float
    total_s: float  # since the start
    file: Path


def pressure(resource: Resource, root: Path = ROOT) -> Pressure | None:
    """None: the kernel does not count it (before 4.20, or psi=0)."""
    group = cgroup.find(resource, root)
    files = [group.directory / f"{resource}.pressure"] if group is not None and group.version == 2 else []
    for file in (*files, root / "proc/pressure" / resource):
        with suppress(OSError):  # also EOPNOTSUPP, where it is compiled in and switched off
            for line in file.read_text().splitlines():
                kind, *pairs = line.split()
                if kind == "some":
                    values = dict(pair.split("=") for pair in pairs)
                    return Pressure(float(values["avg10"]), float(values["avg60"]), int(values["total"]) / 1e6, file)
    return None
