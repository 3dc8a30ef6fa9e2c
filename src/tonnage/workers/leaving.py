"""How a worker leaves: go on for a while, serve who waits, finish what is in flight. Decides; does nothing.

1. For `delay_s` it serves as before, but announces the close of every connection: time for a load balancer to notice.
2. With `serve_queue` (the server stops, or leaves an address: nobody else would take them) it serves who waits in the
   accept queue, until that is empty or a third of the grace has passed: under a load that never ends it never is.
3. It listens no more. A kept connection may still bring a request for IDLE_S, whose answer announces the close; a
   client that sends in the very moment of an unannounced close would lose its request.
4. With the last client it is finished.
"""

from __future__ import annotations

IDLE_S = 2.0  # Gunicorn's
QUEUE_SHARE = 1 / 3


class Leaving:
    __slots__ = ("_listens_until", "_queue_until", "_queued")

    def __init__(self, now: float, grace_s: float, delay_s: float = 0.0, *, serve_queue: bool = False) -> None:
        self._listens_until = now + delay_s
        self._queued = serve_queue
        self._queue_until = now + delay_s + grace_s * QUEUE_SHARE

    def queue_is_empty(self, now: float) -> None:
        """All listeners were asked and nobody waited."""
        if now >= self._listens_until:
            self._queued = False

    def listens(self, now: float) -> bool:
        return now < self._listens_until or (self._queued and now < self._queue_until)
