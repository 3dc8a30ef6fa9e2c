"""What a process takes of the machine's memory.

PSS, the proportional set size, divides every page by the number of processes that map it; so the PSS of all workers and
their zygote add up to what they really take, which RSS, counting shared pages in each, does not (proc_pid_smaps(5)).

The kernel walks the page tables for it: about a millisecond for each 100 MB. Not for the path of a request.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    rss: int  # octets, as is everything here
    pss: int | None  # None: the kernel does not show it to us

    @property
    def share(self) -> int:
        """The best figure there is for what the process takes. RSS is too high by what is shared."""
        return self.rss if self.pss is None else self.pss


def measure(pid: int, proc: Path = Path("/proc")) -> Sample:
    """Raises ProcessLookupError when there is no such process, or it is a zombie and has no memory any more; OSError
    (FileNotFoundError of `proc` itself) where /proc is not mounted.

    PSS is for who may look: the process itself always, root with CAP_SYS_PTRACE, its own user unless it has changed
    user; RSS is for everybody.
    """
    try:
        return _rolled_up((proc / str(pid) / "smaps_rollup").read_bytes())
    except ProcessLookupError:  # ESRCH, of a zombie
        raise
    except (OSError, KeyError):  # before Linux 4.14, a hardened kernel, somebody else's process, or gone
        return Sample(_resident(pid, proc), None)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """What is in no file: the process's own data, before and after it is divided by who shares it."""

    rss: int
    pss: int


def anonymous(pid: int, proc: Path = Path("/proc")) -> Anonymous | None:
    """None: the kernel does not show it to us (before Linux 5.9, or somebody else's process)."""
    try:
        kib = _kib((proc / str(pid) / "smaps_rollup").read_bytes())
        return Anonymous(kib[b"Anonymous"] * 1024, kib[b"Pss_Anon"] * 1024)
    except (OSError, KeyError):
        return None


def _rolled_up(text: bytes) -> Sample:
    kib = _kib(text)
    return Sample(kib[b"Rss"] * 1024, kib[b"Pss"] * 1024)


def _kib(text: bytes) -> dict[bytes, int]:
    return {line[: line.index(b":")]: int(line.split()[1]) for line in text.splitlines()[1:]}


def _resident(pid: int, proc: Path) -> int:
    try:
        pages = int((proc / str(pid) / "statm").read_bytes().split()[1])
    except FileNotFoundError:
        if not (proc / "self").exists():
            raise FileNotFoundError(f"{proc} is not mounted: what processes take cannot be known") from None
        raise ProcessLookupError(f"there is no process {pid}") from None
    if pages == 0:
        raise ProcessLookupError(f"process {pid} is dead, and waits to be reaped")
    return pages * PAGE


@dataclass(frozen=True, slots=True)
class Machine:
    total: int
    available: int  # the kernel's own estimate of what could be taken without swapping
    file: Path


def machine(proc: Path = Path("/proc")) -> Machine | None:
    """proc_meminfo(5); None where it cannot be read."""
    file = proc / "meminfo"
    try:
        kib = {line.split(b":")[0]: int(line.split()[1]) for line in file.read_bytes().splitlines()}
        return Machine(kib[b"MemTotal"] * 1024, kib[b"MemAvailable"] * 1024, file)
    except (OSError, KeyError):
        return None
