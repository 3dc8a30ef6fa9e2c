"""How clients come: over which socket, keeping the connection or not, with which method, how often."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

CONTENT = 1000  # octets of a POST
SLOW_RATE = 1.5
SLOW_MS = 200


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    address: str  # a path of a Unix socket, or HOST:PORT
    method: str
    keep: bool
    rate: float  # requests/s
    population: int = 8  # connections that it uses in turn, if it keeps them; more when all of them wait
    count: int | None = None  # stop after so many
    path: str = "/r"
    takes_s: float = 0.0  # what the application takes by itself: no latency of the server's

    @property
    def content(self) -> int:
        return CONTENT if self.method == "POST" else 0

    @property
    def target(self) -> str | tuple[str, int]:
        if self.address.startswith("/"):
            return self.address
        host, _, port = self.address.rpartition(":")
        return host, int(port)

    def due_times(self, start: float, seed: int) -> Iterator[float]:
        """Exactly `rate` a second, each at a random moment of its own interval: no two ways march in step."""
        dice = random.Random(seed)  # noqa: S311 -- the same times for every server
        number = 0
        while self.count is None or number < self.count:
            yield start + (number + dice.random()) / self.rate
            number += 1


# name, socket, method, keep-alive, share of the whole rate
MIX = (
    ("TCP, kept, GET", "tcp", "GET", True, 0.20),
    ("TCP, kept, POST", "tcp", "POST", True, 0.15),
    ("TCP, new, GET", "tcp", "GET", False, 0.10),
    ("TCP, new, POST", "tcp", "POST", False, 0.05),
    ("Unix, kept, GET", "unix", "GET", True, 0.10),
    ("Unix, kept, POST", "unix", "POST", True, 0.05),
    ("Unix, new, GET", "unix", "GET", False, 0.05),
    ("nginx, kept, GET", "nginx", "GET", True, 0.15),
    ("nginx, kept, POST", "nginx", "POST", True, 0.10),
    ("nginx, new, GET", "nginx", "GET", False, 0.05),
)


def mixed(addresses: dict[str, str], rate: float) -> list[Way]:
    """All ways there are addresses for, with the same rate altogether."""
    mix = [row for row in MIX if row[1] in addresses]
    whole = sum(row[4] for row in mix)
    return [Way(name, addresses[to], method, keep, rate * share / whole) for name, to, method, keep, share in mix]


def slow(addresses: dict[str, str]) -> list[Way]:
    """Beside the others: requests behind which others have to wait, where a worker serves one at a time."""
    names = [name for name in ("tcp", "nginx") if name in addresses]
    return [
        Way(f"{name}, slow", addresses[name], "GET", True, SLOW_RATE, path=f"/slow/{SLOW_MS}", takes_s=SLOW_MS / 1000)
        for name in names
    ]
