"""Facts of a machine that has enough of everything; a test takes something away."""

from dataclasses import replace
from pathlib import Path

from tonnage.capacity.facts import Bound, Facts, Number, Pressures, Term
from tonnage.system.filesystems import FileSystem

GIB = 1 << 30

PLENTY = Facts(
    cpu=Bound((Term(4, "online", "/sys/online"),)),
    memory=Bound((Term(8 * GIB, "the machine", "/proc/meminfo", used=GIB),)),
    tasks=Bound((Term(32768, "kernel.pid_max", "/proc/pid_max", used=300),)),
    nofile_soft=Number(65536, "/proc/self/limits"),
    nofile_hard=Number(65536, "/proc/self/limits"),
    somaxconn=Number(4096, "/proc/somaxconn"),
    backlog=2048,
    backlog_tcp=Number(2048, "TCP_INFO"),
    backlog_unix=Number(2048, "sock_diag"),
    ephemeral_ports=Number(28232, "/proc/ports"),
    temporary=FileSystem(Path("/tmp"), "ext4", Path("/"), 100 * GIB),
    throttling=(),
    pressures=Pressures(None, None, None),
    uid=1000,
)


def with_memory(limit: int, used: int = 0) -> Facts:
    return replace(PLENTY, memory=Bound((Term(limit, "memory.max", "/cg/memory.max", used),)))


def with_cpus(count: float, name: str = "quota") -> Facts:
    return replace(PLENTY, cpu=Bound((Term(count, name, "/cg/cpu.max"), Term(4, "online", "/sys/online"))))
