"""How a worker treats its clients: everything from the settings that the loop looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tonnage.http.limits import Limits, Policy
from tonnage.workers.siblings import Siblings
from tonnage.workers.witness import Witness


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; 0 means for ever."""

    head: float
    content: float
    write: float
    keepalive: float


@dataclass(frozen=True, slots=True)
class Rules:
    timeouts: Timeouts
    limits: Limits
    policy: Policy
    connections: int
    siblings: Siblings
    is_trusted: Callable[[str], bool]  # the peer's address; "" on a Unix socket
    witness: Witness | None  # access log and hooks
    queue_timeout: float  # seconds that a request may have waited before it is refused with 503; 0: any time
    max_requests: float  # after so many the worker asks to be replaced; inf: never
    recycle: Callable[[str], object]  # ask for it, with the reason
