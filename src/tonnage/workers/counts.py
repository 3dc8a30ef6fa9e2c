"""What one turn of the loop has counted; added to the scoreboard at its end, for a store there costs much more.

So the counters there lag behind by a turn, and by no more: a request that took LONG_NS is published with all before it.
A worker that is killed takes the counts of its last turn with it, but not the line of the request that it was at: that
stands in the scoreboard while the application runs.
"""

from __future__ import annotations

from typing import Final

from tonnage.system.histogram import bucket
from tonnage.system.scoreboard import Slot

LONG_NS: Final = 5_000_000
STATUS: Final = 9  # Cell.STATUS_1XX - 1
SERVICE: Final = 40  # Cell.SERVICE
KNOWN: Final = 100  # statuses


class Counts:
    """Of the loop's thread alone."""

    __slots__ = ("_busy_ns", "_cells", "_more", "_requests", "_sent", "_slot", "received", "requests")

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.requests = 0  # ever
        self.received = 0  # octets, since they were published
        self._requests = self._sent = self._busy_ns = 0
        self._more: dict[int, int] = {}
        self._cells: dict[str, int] = {}  # by status

    def count(self, status: str, service_ns: int, sent: int) -> None:
        """One request is answered, "200 OK" or so; "": its client had gone."""
        self.requests += 1
        self._requests += 1
        self._sent += sent
        self._busy_ns += service_ns
        more = self._more
        cell = self._cells.get(status, 0) or self._learn(status)
        more[cell] = more.get(cell, 0) + 1
        cell = SERVICE + bucket(service_ns // 1000)
        more[cell] = more.get(cell, 0) + 1
        if service_ns > LONG_NS:
            self.publish()

    def _learn(self, status: str) -> int:
        """The cell of its class. There are few; but reasons may be made up."""
        cell = STATUS + int(status[:3] or 499) // 100
        if len(self._cells) < KNOWN:
            self._cells[status] = cell
        return cell

    def publish(self) -> None:
        if not self._requests and not self.received:
            return
        self._slot.add(self._requests, self._sent, self.received, self._busy_ns, self._more)
        self._requests = self._sent = self.received = self._busy_ns = 0
        self._more.clear()
