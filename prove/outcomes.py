"""How a request can end, and what is kept of it. Facts that cross from the client's process to the one that judges.

A latency counts from the time at which the request was due, whatever the server or the client was doing then, so a
server that stops answering cannot hide it (coordinated omission).
"""

from __future__ import annotations

import heapq
import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum

SLOWEST = 10


class Outcome(StrEnum):
    OK = "ok"
    REFUSED = "refused"  # no connection
    RESET = "reset"  # the connection was reset before the answer was whole
    CLOSED = "closed"  # the same, but it ended orderly
    TIMEOUT = "timeout"
    STATUS = "wrong status"
    BODY = "wrong body"  # not this request's answer, or no HTTP


@dataclass(frozen=True, slots=True)
class Failure:
    """Times are of CLOCK_MONOTONIC, which all processes of a machine share."""

    outcome: Outcome
    detail: str
    way: str
    path: str
    due: float
    sent: float  # 0: never
    ended: float
    kept: bool  # the connection had brought an answer before; RFC 9112 9.3.1 lets a client repeat a GET
    received: int  # octets of the answer
    port: int  # of the client; 0: a Unix socket

    def __str__(self) -> str:
        where = f"{self.way}{' (kept connection)' if self.kept else ''}"
        waited = f"{self.ended - self.due:.3f} s after it was due"
        return f"{self.outcome} {self.detail} {waited}: {self.path}, {where}"


@dataclass(slots=True)
class Record:
    """Everything one load has seen."""

    began: float = 0.0
    ended: float = 0.0
    due: list[float] = field(default_factory=list)  # of the requests that were answered rightly, or timed out
    latency_s: list[float] = field(default_factory=list)  # theirs; one that timed out has waited at least so long
    late_s: list[float] = field(default_factory=list)  # how late the client itself was
    failures: list[Failure] = field(default_factory=list)
    last_of: dict[str, float] = field(default_factory=dict)  # version of the application -> its last answer
    processes: dict[str, int] = field(default_factory=dict)  # answers of each worker
    counts: dict[str, int] = field(default_factory=dict)  # by outcome
    slowest: list[tuple[float, str]] = field(default_factory=list)  # a heap: latency in seconds, and whose it was
    closed_idle: int = 0  # kept connections that ended between two requests: no failure, the client opens another
    unfinished: int = 0  # when the client was told to end at once

    def answered(self, due: float, latency_s: float, version: str, process: str) -> None:
        for book, key in ((self.counts, Outcome.OK), (self.processes, process)):
            book[key] = book.get(key, 0) + 1
        self.last_of[version] = due + latency_s
        self.due.append(due)
        self.latency_s.append(latency_s)

    def remember(self, latency_s: float, whose: str) -> None:
        """If it is among the slowest."""
        if len(self.slowest) < SLOWEST:
            heapq.heappush(self.slowest, (latency_s, whose))
        elif latency_s > self.slowest[0][0]:
            heapq.heapreplace(self.slowest, (latency_s, whose))

    def failed(self, failure: Failure) -> None:
        self.counts[failure.outcome] = self.counts.get(failure.outcome, 0) + 1
        self.failures.append(failure)
        if failure.outcome is Outcome.TIMEOUT:
            self.due.append(failure.due)
            self.latency_s.append(failure.ended - failure.due)

    def latencies_ms(self, since: float, until: float = math.inf) -> list[float]:
        """Of the requests that were due in that time."""
        both = zip(self.due, self.latency_s, strict=True)
        return [latency * 1000 for due, latency in both if since <= due < until]

    @property
    def requests(self) -> int:
        return sum(self.counts.values())

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Record:
        fields = json.loads(text)
        fields["failures"] = [Failure(**{**one, "outcome": Outcome(one["outcome"])}) for one in fields["failures"]]
        return cls(**fields)


def percentile(values: Iterable[float], hundredth: int) -> float:
    """0 when there is nothing to judge."""
    found = list(values)
    if len(found) < 2:
        return found[0] if found else 0.0
    return statistics.quantiles(found, n=100, method="inclusive")[hundredth - 1]
