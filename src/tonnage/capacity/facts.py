"""The machine as a server finds it: every limit that could bind, with the file or call that says so.

Only assembles; each reader is a file in `system/`. What cannot be known is None or left out, never guessed.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tonnage.system import cgroup, cpus, memory, network, rlimits, tasks
from tonnage.system.cgroup import ROOT, Group
from tonnage.system.cpus import Throttling
from tonnage.system.filesystems import FileSystem, file_system
from tonnage.system.pressure import Pressure, pressure


@dataclass(frozen=True, slots=True)
class Term:
    """One limit on one thing."""

    limit: float
    name: str
    source: str
    used: float = 0  # by others than this server

    @property
    def room(self) -> float:
        return max(0.0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Bound:
    """All limits on one thing, the one with the least room first: that one binds."""

    terms: tuple[Term, ...]

    @property
    def binding(self) -> Term | None:
        return self.terms[0] if self.terms else None

    @property
    def runner_up(self) -> Term | None:
        return self.terms[1] if len(self.terms) > 1 else None

    @property
    def room(self) -> float:
        return self.terms[0].room if self.terms else float("inf")


@dataclass(frozen=True, slots=True)
class Number:
    value: int | None  # None: no limit, or not to be known
    source: str


@dataclass(frozen=True, slots=True)
class Pressures:
    cpu: Pressure | None
    memory: Pressure | None
    io: Pressure | None


@dataclass(frozen=True, slots=True)
class Facts:
    cpu: Bound  # CPUs, fractional; used is 0
    memory: Bound  # octets
    tasks: Bound  # processes and threads together
    nofile_soft: Number  # descriptors of one process
    nofile_hard: Number
    somaxconn: Number
    backlog: int  # what was asked for
    backlog_tcp: Number  # what the kernel made of it, read back
    backlog_unix: Number
    ephemeral_ports: Number
    temporary: FileSystem | None  # where bodies and responses wait on disk
    throttling: tuple[Throttling, ...]  # of each group that has a quota, ours first
    pressures: Pressures
    uid: int

    @property
    def cpus(self) -> float:
        return self.cpu.room

    @property
    def cpus_bound_by(self) -> str:
        return self.cpu.terms[0].name

    @property
    def memory_limit(self) -> int:
        """Octets; of the limit with the least room."""
        return int(self.memory.terms[0].limit) if self.memory.terms else 0

    @property
    def memory_room(self) -> int:
        """Octets that this server may take: the limit less what others hold of it."""
        return int(self.memory.room) if self.memory.terms else 0


def gather(
    root: Path = ROOT,
    *,
    backlog: int = 2048,
    temporary: str | None = None,
    uid: int | None = None,
    ours: int | None = None,
) -> Facts:
    """`uid` is the user of the workers; `ours` are octets of memory that this server's processes hold already."""
    uid = os.geteuid() if uid is None else uid
    return Facts(
        cpu=_cpu(root),
        memory=memory_bound(root, memory.measure(os.getpid()).share if ours is None else ours),
        tasks=Bound(tuple(Term(each.most, each.name, str(each.file), each.used) for each in tasks.limits(uid, root))),
        nofile_soft=Number(rlimits.rlimit("Max open files", root), f"{root / rlimits.FILE} (RLIMIT_NOFILE, soft)"),
        nofile_hard=Number(
            rlimits.rlimit("Max open files", root, hard=True), f"{root / rlimits.FILE} (RLIMIT_NOFILE, hard)"
        ),
        somaxconn=Number(network.somaxconn(root), str(root / network.SOMAXCONN)),
        backlog=backlog,
        backlog_tcp=Number(network.effective_backlog(backlog, socket.AF_INET), "TCP_INFO of a listener"),
        backlog_unix=Number(network.effective_backlog(backlog, socket.AF_UNIX), "sock_diag of a listener"),
        ephemeral_ports=Number(network.ephemeral_ports(root), str(root / network.PORTS)),
        temporary=_temporary(temporary, root),
        throttling=tuple(cpus.throttling(root)),
        pressures=Pressures(pressure("cpu", root), pressure("memory", root), pressure("io", root)),
        uid=uid,
    )


def _cpu(root: Path) -> Bound:
    found = tuple(Term(each.cpus, each.name, str(each.file)) for each in cpus.limits(root))
    return Bound(found or (Term(os.cpu_count() or 1, "online", "os.cpu_count()"),))


def memory_bound(root: Path = ROOT, ours: int = 0) -> Bound:
    """`ours` are octets that are not to count as used."""
    terms = [*_machine_memory(root, ours), *_group_memory(root, ours)]
    return Bound(tuple(sorted(terms, key=lambda term: term.room)))


def _machine_memory(root: Path, ours: int) -> Iterator[Term]:
    found = memory.machine(root / "proc")
    if found is not None:
        yield Term(found.total, "the machine", str(found.file), max(0, found.total - found.available - ours))


def _group_memory(root: Path, ours: int) -> Iterator[Term]:
    group = cgroup.find("memory", root)
    if group is None:
        return
    for limit in cgroup.memory_limits(group):
        usage = cgroup.memory_usage(Group(group.version, limit.file.parent, group.top))
        yield Term(limit.octets, limit.file.name, str(limit.file), max(0, usage.working_set - ours) if usage else 0)


def _temporary(directory: str | None, root: Path) -> FileSystem | None:
    try:
        return file_system(Path(directory or tempfile.gettempdir()), root)
    except OSError:  # it is not there, which `tonnage check` says better
        return None
