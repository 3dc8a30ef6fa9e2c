"""What kind of file system a directory is on. One that lies in memory (tmpfs) counts against the memory limit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tonnage.system.cgroup import ROOT, unescaped

IN_MEMORY = frozenset({"tmpfs", "ramfs", "rootfs"})


@dataclass(frozen=True, slots=True)
class FileSystem:
    directory: Path
    kind: str  # as in mountinfo; "" when it cannot be known
    mount: Path
    free_octets: int

    @property
    def in_memory(self) -> bool:
        return self.kind in IN_MEMORY


def file_system(directory: Path, root: Path = ROOT) -> FileSystem:
    """Raises OSError when there is no such directory."""
    real = directory.resolve(strict=True)
    stat = os.statvfs(real)
    found = [each for each in _mounts(root) if real.is_relative_to(each[0])]
    mount, kind = max(reversed(found), key=lambda each: len(each[0].parts), default=(Path("/"), ""))
    return FileSystem(directory, kind, mount, stat.f_bavail * stat.f_frsize)


def _mounts(root: Path) -> Iterator[tuple[Path, str]]:
    """Of two on one point the later one, which hides the other, comes last. proc_pid_mountinfo(5)"""
    with suppress(OSError):
        for line in (root / "proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            yield Path(unescaped(before.split(" ")[4])), after.split(" ", 1)[0]
