"""Where this process is in the control groups, version 1, 2 or both, and what memory means there.

Read, never written. Every figure is the kernel's, with the file it stands in, so that a log line can name its proof.
`root` stands for /, so that a directory of files can stand for a machine.

What cannot be seen is said to be absent, never guessed: above a container's own mount there may be more limits.
cgroups(7); Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst of the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

ROOT = Path("/")
UNLIMITED = 1 << 60  # version 1 writes "no limit" as the largest multiple of a page; no machine has an exbibyte


@dataclass(frozen=True, slots=True)
class Group:
    version: int
    directory: Path
    top: Path  # where its hierarchy is mounted: the highest ancestor that can be seen

    def lineage(self) -> Iterator[Group]:
        """Itself, its parent, and so on up to the top."""
        yield self
        for directory in self.directory.parents:
            if not directory.is_relative_to(self.top):
                return
            yield replace(self, directory=directory)


@dataclass(frozen=True, slots=True)
class Limit:
    octets: int
    file: Path


@dataclass(frozen=True, slots=True)
class Usage:
    octets: int  # all that counts against the limit
    reclaimable: int  # of these the file cache that the kernel drops before it kills anybody

    @property
    def working_set(self) -> int:
        return max(0, self.octets - self.reclaimable)


# -- where -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mount:
    root: PurePosixPath  # which group of the hierarchy is seen at `point`
    point: PurePosixPath
    version: int
    controllers: frozenset[str]  # of version 1


def find(controller: str, root: Path = ROOT) -> Group | None:
    """The group in which the controller counts this process; None when there is none, or it cannot be seen."""
    try:
        memberships = (root / "proc/self/cgroup").read_text()
        mounts = list(_mounts((root / "proc/self/mountinfo").read_text()))
    except OSError:
        return None
    paths = dict(_memberships(memberships))
    # With both versions mounted, a controller belongs to one of them: version 1 lists those it has.
    if controller in paths:
        return _seen(paths[controller], [m for m in mounts if controller in m.controllers], root)
    return _seen(paths[""], [m for m in mounts if m.version == 2], root) if "" in paths else None


def _memberships(text: str) -> Iterator[tuple[str, PurePosixPath]]:
    """(controller, path) for each of version 1, ("", path) for version 2."""
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, PurePosixPath(path)


def _mounts(text: str) -> Iterator[Mount]:
    """proc_pid_mountinfo(5): id parent device root point options [tags] - type source super-options"""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, point = (PurePosixPath(unescaped(word)) for word in before.split(" ")[3:5])
            version = 2 if kind == "cgroup2" else 1
            yield Mount(root, point, version, frozenset(options.split(",")) if version == 1 else frozenset())


def unescaped(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def _seen(path: PurePosixPath, mounts: list[Mount], root: Path) -> Group | None:
    for mount in sorted(mounts, key=lambda each: len(each.root.parts)):  # the one that shows the most ancestors
        if path.is_relative_to(mount.root):
            top = root / mount.point.relative_to("/")
            directory = top / path.relative_to(mount.root)
            if directory.is_dir():
                return Group(mount.version, directory, top)
    return None


# -- memory ------------------------------------------------------------------------------------------------------------

LIMITS = {1: ("memory.limit_in_bytes",), 2: ("memory.max", "memory.high")}  # over `high` the kernel slows it to a crawl
USAGE = {1: "memory.usage_in_bytes", 2: "memory.current"}
RECLAIMABLE = {1: "total_inactive_file", 2: "inactive_file"}
KILLS = {1: "memory.oom_control", 2: "memory.events"}


def memory_limits(group: Group) -> list[Limit]:
    """Of the group and of each ancestor that has one, the smallest first: that one binds."""
    found: list[Limit] = []
    for each in group.lineage():
        found += (limit for name in LIMITS[each.version] if (limit := _limit(each.directory / name)) is not None)
    if group.version == 1:  # also knows of ancestors that a container does not see
        stat = group.directory / "memory.stat"
        octets = counter(stat, "hierarchical_memory_limit")
        if octets is not None and octets < min((limit.octets for limit in found), default=UNLIMITED):
            found.append(Limit(octets, stat))
    return sorted(found, key=lambda limit: limit.octets)


def memory_limit(group: Group) -> Limit | None:
    return next(iter(memory_limits(group)), None)


def memory_usage(group: Group) -> Usage | None:
    """Of everything in the group, not only of us; None where memory is not counted."""
    octets = number(group.directory / USAGE[group.version])
    if octets is None:
        return None
    return Usage(octets, counter(group.directory / "memory.stat", RECLAIMABLE[group.version]) or 0)


class OomKills:
    """How many processes the kernel's out-of-memory killer has killed, as counted by one file.

    The kernel counts before it kills, so whoever has learnt of the death finds it counted. The count says how many, not
    which: ask often (with each memory sample), and what is asked after a death speaks of the moments before it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._known = counter(file, "oom_kill")

    def news(self) -> int | None:
        """Kills since it was last asked; None when the file can no longer be read."""
        count = counter(self.file, "oom_kill")
        if count is None:
            return None
        before = count if self._known is None else self._known
        self._known = count
        return max(0, count - before)

    @property
    def counts_the_whole_machine(self) -> bool:
        return self.file.name == "vmstat"


def oom_kills(root: Path = ROOT) -> OomKills | None:
    """The closest count there is: of our group (in version 2 with its descendants), else of the machine."""
    group = find("memory", root)
    files = [each.directory / KILLS[each.version] for each in group.lineage()] if group is not None else []
    if group is not None and group.version == 1:
        del files[1:]  # version 1 counts a kill in the victim's own group only
    files.append(root / "proc/vmstat")
    return next((OomKills(file) for file in files if counter(file, "oom_kill") is not None), None)


def _limit(file: Path) -> Limit | None:
    octets = number(file)
    return None if octets is None or octets >= UNLIMITED else Limit(octets, file)


def number(file: Path) -> int | None:
    """What a file of one number says; None when it says "max", or cannot be read."""
    with suppress(OSError, ValueError):  # not there, or "max"
        return int(file.read_text())
    return None


def counter(file: Path, name: str) -> int | None:
    """One line of a file of names and numbers."""
    with suppress(OSError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return None
