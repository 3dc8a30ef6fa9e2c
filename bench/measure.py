"""What a server costs, as the kernel counts it: processor time and memory of its whole process tree."""

import os
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
OURS = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)  # the second has wrk in it once it has ended


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    session: int
    ticks: int  # user and system time, its own and that of the children it has reaped

    @classmethod
    def parse(cls, stat: str) -> "Process":
        """One line of /proc/PID/stat, proc_pid_stat(5); the name in parentheses may hold parentheses itself."""
        pid, _, rest = stat.partition(" (")
        fields = rest.rpartition(")")[2].split()  # fields[0] is the state, the third field of the manual page
        return cls(int(pid), int(fields[1]), int(fields[3]), sum(int(field) for field in fields[11:15]))


def processes() -> list[Process]:
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                found.append(Process.parse((entry / "stat").read_text()))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
    return found


def tree(root: int) -> list[Process]:
    """The session that `root` leads and every descendant: nobody gets out of it by losing a parent or the session."""
    everyone = processes()
    members = {process.pid for process in everyone if root in (process.pid, process.session)}
    size = 0
    while size != len(members):
        size = len(members)
        members |= {process.pid for process in everyone if process.parent in members}
    return [process for process in everyone if process.pid in members]


def cpu_s(root: int) -> float:
    return sum(process.ticks for process in tree(root)) / TICKS_PER_S


def pss_bytes(root: int) -> int:
    """Proportional set size: a page shared by n processes counts one n-th in each of them."""
    return sum(_pss_kib(process.pid) for process in tree(root)) * 1024


def _pss_kib(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time up to now: of the server, and of everybody who is neither the server nor its clients."""

    server_s: float
    others_s: float
    clock_s: float

    def since(self, before: "Spent") -> "Spent":
        others_s = max(0.0, self.others_s - before.others_s)
        return Spent(self.server_s - before.server_s, others_s, self.clock_s - before.clock_s)

    @property
    def disturbed(self) -> float:
        """The others' share of one core."""
        return self.others_s / self.clock_s


def spent(root: int, cores: Iterable[int]) -> Spent:
    server_s = cpu_s(root)
    ours_s = sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, OURS))
    return Spent(server_s, sum(map(_busy_s, cores)) - server_s - ours_s, time.monotonic())


def _busy_s(core: int) -> float:
    """Time this core has spent on anything at all, time stolen by other guests of the host included."""
    for line in (PROC / "stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS_PER_S
    raise LookupError(f"/proc/stat knows no core {core}")
