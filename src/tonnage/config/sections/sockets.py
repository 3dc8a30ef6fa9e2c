from __future__ import annotations

from dataclasses import dataclass

from tonnage.config.kinds import ADDRESSES, COUNT, SWITCH, optional
from tonnage.config.setting import at_least, setting
from tonnage.config.values import Address, TcpAddress


@dataclass(frozen=True, kw_only=True)
class Sockets:
    """Sockets."""

    bind: tuple[Address, ...] = setting(
        (TcpAddress("127.0.0.1", 8000),),
        "-b",
        "--bind",
        kind=ADDRESSES,
        variable="PORT",
        template="0.0.0.0:{}",
        check=lambda value: None if value else "must name at least one address",
        meaning="Where to listen: HOST, HOST:PORT, :PORT, [v6]:PORT, tcp://HOST:PORT, unix:PATH, unix:@NAME (abstract) "
        "or fd://N (inherited). Repeat it, or use commas, for several. The command line replaces what the file says.",
        why="Only this machine can reach it until you say otherwise. Where a platform sets PORT, it is 0.0.0.0:$PORT.",
    )
    backlog: int = setting(
        2048,
        "--backlog",
        kind=COUNT,
        check=at_least(0),
        meaning="How many connections may wait in the kernel's accept queue.",
        why="Gunicorn's. The kernel caps it at net.core.somaxconn without saying so.",
    )
    reuse_port: bool = setting(
        False,
        "--reuse-port",
        kind=SWITCH,
        meaning="Open the listeners with SO_REUSEPORT, so that another server may listen on the same port.",
        why="A queue per socket loses what waits in it when the socket closes; one shared queue does not.",
    )
    ready_fd: int | None = setting(
        None,
        "--ready-fd",
        kind=optional(COUNT),
        meaning="An inherited file descriptor: when a worker is really ready, one line per listener is written to it, "
        "and it is closed.",
        why="Readiness as s6 and tests want it: no polling, no sleeping, and port 0 is told as the port it became.",
    )
