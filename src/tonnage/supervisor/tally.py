"""Why workers had to be replaced, counted. Each worker counts once, by what was known of it first."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tonnage.control.overview import Restarts
from tonnage.supervisor.orders import Abort, BootFailure, Crashed, Left, NotForked, Order, Overdue, Recycled

REASONS = {
    "reload": "another generation has taken its place",
    "max_requests": "it has answered as many requests as it may (--max-requests)",
    "memory": "it, or all together, took more memory than they may (--max-worker-memory, --max-total-memory)",
    "lifetime": "it has served as long as it may (--max-worker-lifetime)",
    "timeout": "a request ran longer than it may (--timeout)",
    "asked": "it asked to be replaced, for another reason",
    "boot": "it was never ready",
    "fork": "it could not be started",
    "killed": "somebody, or the kernel for want of memory, has killed it (SIGKILL)",
    "crash": "it died of itself",
}
FLAGS = {
    "--max-requests": "max_requests",
    "--max-worker-memory": "memory",
    "--max-total-memory": "memory",
    "--max-worker-lifetime": "lifetime",
    "--timeout": "timeout",
}


class Tally:
    def __init__(self, is_stale: Callable[[int], bool]) -> None:
        """`is_stale` says of a worker's age whether its generation is another than the one that is served."""
        self._is_stale = is_stale
        self._counts = dict.fromkeys(REASONS, 0)
        self._counted: set[int] = set()

    def hear(self, order: Order) -> None:
        match order:
            case Recycled(age, reason):
                self._count(age, next((name for flag, name in FLAGS.items() if f"({flag})" in reason), "asked"))
            case Abort(age, Overdue.REQUEST):
                self._count(age, "timeout")
            case BootFailure(age):
                self._count(age, "boot")
            case NotForked(age):
                self._count(age, "fork")
            case Crashed(age, code):
                self._count(age, "killed" if code == -signal.SIGKILL else "crash")
            case Left(age):
                if self._is_stale(age):
                    self._count(age, "reload")
                self._counted.discard(age)

    def _count(self, age: int, reason: str) -> None:
        if age not in self._counted:
            self._counted.add(age)
            self._counts[reason] += 1

    def restarts(self) -> tuple[Restarts, ...]:
        """All reasons, also those that have never come up: a counter that is not there cannot be watched."""
        return tuple(Restarts(reason, count) for reason, count in self._counts.items())
