"""One way through a proxy to a server, as the proxy's configuration has it, whichever proxy that is."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

from tonnage.config.values import Address

Syntax = Literal["nginx", "Caddy"]


@dataclass(frozen=True, slots=True)
class Route:
    syntax: Syntax
    where: str  # file and line
    upstreams: tuple[Address, ...]  # () when they are known only at run time
    passes_host: bool  # the application sees the name that the client asked for
    forwards_proto: bool
    forwards_for: bool
    starts_clock: bool  # X-Request-Start
    keeps: bool  # connections to the server, for further requests
    idle_s: float  # for how long
    read_timeout_s: float = inf  # that it waits for the server
    body_octets: float = inf  # the largest body that it takes
    line_octets: float = inf  # the longest request line or field
