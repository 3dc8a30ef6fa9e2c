"""May a connection stay with this worker?

A kept connection is pinned: its next request waits for this worker even while a sibling is idle. A closed one comes
back through the accept queue, which only workers with room serve. So a worker offers keep-alive while it answers fast,
and stops for COOL_S seconds when something had to wait for it longer than SLOW_NS: the time a new connection costs (two
round trips through a proxy on the same machine) is far below SLOW_NS, so from there on closing is cheaper than waiting.
What holds others up is the service time in a worker of one thread, and the time in the queue for a thread otherwise. A
worker without siblings always offers: nobody else could serve the request sooner.
"""

from __future__ import annotations

SLOW_NS = 50_000_000
COOL_S = 10.0


class KeepAlive:
    __slots__ = ("_allowed", "_resume", "siblings")

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed  # the keepalive setting is not 0
        self.siblings = False  # there are any; looked up once a second
        self._resume = 0.0

    def held_up(self, now: float) -> None:
        """Something had to wait for the worker longer than SLOW_NS."""
        self._resume = now + COOL_S

    def offered(self, now: float) -> bool:
        return self._allowed and (now >= self._resume or not self.siblings)
