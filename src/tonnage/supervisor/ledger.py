"""What has been counted since the start, over all workers that ever were: none of it ever goes down.

A slot of the scoreboard is emptied when its worker has ended, and what a worker writes as several words can be read
half written. So the ended are kept here, and of the living each word counts as the most that was ever read of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tonnage.control.overview import Quantiles, Spread, Totals
from tonnage.system.histogram import BUCKETS, bucket_floor_us, quantile_s
from tonnage.system.scoreboard import Reading

SUMS = 10  # requests, accepted, received, sent, busy, queue, first, gil wait, gil looks, cpu
STATUSES = slice(SUMS, SUMS + 5)
SERVICE, QUEUE, FIRST = (slice(SUMS + 5 + i * BUCKETS, SUMS + 5 + (i + 1) * BUCKETS) for i in range(3))

Counts = tuple[int, ...]  # SUMS sums, five classes of status, three histograms
NOTHING: Counts = (0,) * (SUMS + 5 + 3 * BUCKETS)


def counts_of(reading: Reading, cpu_ns: int) -> Counts:
    return (
        reading.requests, reading.accepted, reading.received, reading.sent, reading.busy_ns, reading.queue_ns,
        reading.first_ns, reading.gil_wait_ns, reading.gil_looks, cpu_ns,
        *reading.statuses, *reading.service_us, *reading.queue_us, *reading.first_us,
    )  # fmt: skip


class Ledger:
    def __init__(self) -> None:
        self._ended = NOTHING
        self._living: dict[int, Counts] = {}

    def see(self, age: int, reading: Reading, cpu_ns: int) -> None:
        now = counts_of(reading, cpu_ns)
        before = self._living.get(age)
        self._living[age] = now if before is None else tuple(map(max, before, now))

    def of(self, age: int) -> Counts:
        """What the worker has counted so far."""
        return self._living[age]

    def close(self, age: int, reading: Reading) -> None:
        """It has ended; its slot is about to be emptied."""
        self.see(age, reading, 0)
        self._ended = added(self._ended, self._living.pop(age))

    def totals(self) -> Counts:
        return added(self._ended, *self._living.values())

    def forget(self, living: Iterable[int]) -> None:
        """All but these: who is seen again after it was closed, in an empty slot, has counted nothing more."""
        for age in set(self._living).difference(living):
            del self._living[age]


def added(*several: Sequence[int]) -> Counts:
    return tuple(map(sum, zip(*several, strict=True)))


def since(now: Counts, before: Counts) -> Counts:
    return tuple(later - earlier for later, earlier in zip(now, before, strict=True))


def quantiles(counts: Sequence[int]) -> Quantiles:
    return Quantiles(quantile_s(counts, 0.5), quantile_s(counts, 0.95), quantile_s(counts, 0.99))


def totals(counts: Counts) -> Totals:
    requests, accepted, received, sent, busy, queue, first, gil_wait, gil_looks, cpu = counts[:SUMS]
    return Totals(
        requests, accepted, received, sent, counts[STATUSES], cpu / 1e9, gil_wait / 1e9, gil_looks,
        spread(counts[SERVICE], busy), spread(counts[QUEUE], queue), spread(counts[FIRST], first),
    )  # fmt: skip


def spread(counts: Sequence[int], sum_ns: int) -> Spread:
    found = list(_filled(counts))
    return Spread(tuple(bound for bound, _ in found), tuple(count for _, count in found), sum_ns / 1e9)


def _filled(counts: Sequence[int]) -> Iterator[tuple[float, int]]:
    for index, count in enumerate(counts):
        if count:
            yield bucket_floor_us(index + 1) / 1e6, count
