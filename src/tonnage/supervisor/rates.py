"""How fast things go: what was counted now, against what was counted some seconds ago."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tonnage.control.overview import WINDOW_S
from tonnage.supervisor.ledger import NOTHING, Counts
from tonnage.supervisor.ledger import since as difference
from tonnage.system.scoreboard import Reading

REQUESTS, GIL_WAIT, GIL_LOOKS, CPU = 0, 7, 8, 9  # of Counts


@dataclass(frozen=True, slots=True)
class Sample:
    at: float  # CLOCK_MONOTONIC
    counts: Counts
    occupied_ns: int  # thread time that the application has had


@dataclass(frozen=True, slots=True)
class Rates:
    rps: float = 0.0
    busy: float = 0.0  # threads' worth of time; not yet divided by how many there are
    cpu: float = 0.0
    counted: Counts = NOTHING  # within the window


NONE = Rates()


class Window:
    """The last WINDOW_S seconds of one worker, or of all together."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()

    def take(self, sample: Sample) -> None:
        self._samples.append(sample)
        while len(self._samples) > 2 and self._samples[1].at <= sample.at - WINDOW_S:
            self._samples.popleft()

    @property
    def latest(self) -> Sample | None:
        return self._samples[-1] if self._samples else None

    def rates(self) -> Rates:
        """Of nothing, while there is only one sample."""
        if len(self._samples) < 2:
            return NONE
        first, last = self._samples[0], self._samples[-1]
        span_s = last.at - first.at
        if span_s <= 0:
            return NONE
        counted = difference(last.counts, first.counts)
        occupied_ns = max(0, last.occupied_ns - first.occupied_ns)
        return Rates(counted[REQUESTS] / span_s, occupied_ns / 1e9 / span_s, counted[CPU] / 1e9 / span_s, counted)


def occupied_ns(reading: Reading, now_ns: int) -> int:
    """What is in flight counts up to now, so that one long request is seen before it ends.

    An event loop is occupied while it does not wait, however many requests it has.
    """
    if reading.loop_busy_ns:
        return reading.loop_busy_ns
    return reading.busy_ns + sum(max(0, now_ns - busy.since_ns) for busy in reading.busy)
