"""The kernel's numbers for connections: how many may wait in an accept queue, how many ports there are for our own.

net.* belongs to the network namespace, so a container has its own. ip(7), tcp(7), listen(2).
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from tonnage.system import queues
from tonnage.system.cgroup import ROOT, number

SOMAXCONN = "proc/sys/net/core/somaxconn"
PORTS = "proc/sys/net/ipv4/ip_local_port_range"


def somaxconn(root: Path = ROOT) -> int | None:
    return number(root / SOMAXCONN)


def ephemeral_ports(root: Path = ROOT) -> int | None:
    """From one of our addresses to one address of a database or proxy there can be no more connections than that."""
    with suppress(OSError, ValueError):
        first, last = map(int, (root / PORTS).read_text().split())
        return last - first + 1
    return None


def effective_backlog(requested: int, family: socket.AddressFamily) -> int | None:
    """What the kernel makes of a backlog, read back from a listener made for that; None where it does not tell."""
    with suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(_anywhere(family))
        probe.listen(requested)
        return queues.accept_queue(probe).limit
    return None


def _anywhere(family: socket.AddressFamily) -> tuple[str, int] | str:
    if family == socket.AF_UNIX:
        return ""  # the kernel chooses an abstract name, so that there is no file (unix(7), autobind)
    return ("::1", 0) if family == socket.AF_INET6 else ("127.0.0.1", 0)
