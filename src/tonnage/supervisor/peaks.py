"""The longest accept queues of the last minute.

Seen by the supervisor, which looks ten times a second while there is anything to see, and by the workers when they
accept (Slot.waited). A peak stays PEAK_S seconds: so nobody who looks once a minute misses one, and two who look do not
take it from each other, as with a mark that reading resets.
"""

from __future__ import annotations

from tonnage.control.overview import PEAK_S


class Peaks:
    def __init__(self) -> None:
        self._seconds: dict[str, dict[int, int]] = {}  # url -> second of CLOCK_MONOTONIC -> the most seen in it

    def note(self, url: str, second: int, waiting: int) -> None:
        seconds = self._seconds.setdefault(url, {})
        if waiting > seconds.get(second, 0):
            seconds[second] = waiting

    def of(self, url: str, second: int) -> int:
        seconds = self._seconds.get(url, {})
        for old in [each for each in seconds if each <= second - PEAK_S]:
            del seconds[old]
        return max(seconds.values(), default=0)
