"""Who listens on a TCP port: /proc/net/tcp gives the socket's inode, /proc/*/fd who has it open.

Only to word a refusal. Another user's processes are seen by root alone, and without /proc nobody is: then None.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"  # TCP_LISTEN in proc_net(5)


@dataclass(frozen=True, slots=True)
class Holder:
    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})"


def tcp_holder(port: int) -> Holder | None:
    """The oldest process that has a listening socket on the port: of a pre-forking server its parent."""
    wanted = {f"socket:[{inode}]" for inode in _listening(port)}
    if not wanted:
        return None
    pids = sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    for pid in pids:
        with suppress(OSError):  # it is gone, or it is not ours to look at
            if any(str(fd.readlink()) in wanted for fd in Path(f"/proc/{pid}/fd").iterdir()):
                return Holder(pid, _command(pid))
    return None


def _listening(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _command(pid: int) -> str:
    octets = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    words = " ".join(octets.decode(errors="replace").split())  # on one line, whatever it was given
    return words if len(words) <= 80 else words[:77] + "..."
