"""What every worker is doing, in memory that supervisor and workers share.

One anonymous mapping, made before the first fork: no file, no lock, no system call. One slot a worker, written only by
that worker (its loop thread writes the counters, each application thread its own row), read by anyone at any time. So a
hung or dead worker can still be asked what it was doing: nobody has to answer.

A slot is CELLS 64-bit words, then one row for each application thread: a word with the length of the request line, the
line itself, cut at LINE octets, and the word `busy since` (CLOCK_MONOTONIC nanoseconds, 0 = free), written last. A
reader takes `busy since` before and after the line and tries again when they differ. Further rows, SUSPENDED of them,
are for requests that an event loop has and that wait for something: no thread is with them.

Three kinds of times are counted, in the buckets of histogram.py: service (how long the application had a request),
queue (how long it waited before) and first octet. The hot path writes only what says something: a request that did not
wait is in no queue bucket, and a response that went out in one piece is not counted again for its first octet. `read`
puts that together.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

from tonnage.system.histogram import BUCKETS, bucket

LINE = 240
WORD = 8
WORD_MASK = (1 << 64) - 1
ROW: Final = Struct(f"@Q{LINE}sQ")  # length, line, busy since
SINCE: Final = 1 + LINE // WORD  # the word of a row
ROW_WORDS: Final = 2 + LINE // WORD
SUSPENDED = 16


class Cell(IntEnum):
    """Position of each word at the head of a slot."""

    PID = 0
    GENERATION = 1
    STATE = 2
    BEAT_NS = 3  # when the loop last turned
    READY_NS = 4
    REQUESTS = 5  # answered, whatever the status
    CONNECTIONS = 6  # open now
    ACCEPTED = 7
    SENT = 8  # body octets
    BUSY_NS = 9  # application time, summed
    STATUS_1XX = 10
    STATUS_5XX = 14
    RECEIVED = 15  # octets, heads and bodies
    QUEUE_NS = 16  # waiting time, summed
    PARTED_NS = 17  # application time of responses that went out in parts, summed...
    FIRST_NS = 18  # ...and the part of it before their first octet
    GIL_WAIT_NS = 19  # how long the watchdog's thread waited for the interpreter, summed
    GIL_LOOKS = 20  # how often it looked
    LAG_NS = 21  # asgi: how late the event loop was, when last measured
    IN_FLIGHT = 22  # asgi: requests that the application has; elsewhere the rows tell
    LOOP_BUSY_NS = 23  # asgi: processor time of the loop's thread, summed
    PEAKS = 24  # two words for each of the first LISTENERS listeners; see Slot.waited
    SERVICE = 40  # first of BUCKETS, and so on
    QUEUE = 168
    PARTED = 296
    FIRST = 424


HISTOGRAMS = (Cell.SERVICE, Cell.QUEUE, Cell.PARTED, Cell.FIRST)
LISTENERS = 8
PEAK_BITS = 24
PEAK_MASK = (1 << PEAK_BITS) - 1
CELLS = Cell.FIRST + BUCKETS


class WorkerState(IntEnum):
    EMPTY = 0
    BOOTING = 1
    READY = 2
    DRAINING = 3


NO_TIMES = (0,) * BUCKETS


@dataclass(frozen=True, slots=True)
class Busy:
    """One request that the application has at this moment."""

    thread: int
    since_ns: int  # CLOCK_MONOTONIC
    line: bytes  # "GET /path HTTP/1.1", cut at LINE octets
    suspended: bool = False  # no thread is with it


@dataclass(frozen=True, slots=True)
class Reading:
    """One slot at one moment; counters only grow while the worker lives."""

    pid: int
    generation: int
    state: WorkerState
    beat_ns: int
    ready_ns: int
    requests: int
    connections: int
    accepted: int
    sent: int
    busy_ns: int
    statuses: tuple[int, int, int, int, int]  # 1xx .. 5xx
    service_us: tuple[int, ...]  # BUCKETS counts; see bucket_floor_us
    busy: tuple[Busy, ...]
    received: int = 0
    queue_ns: int = 0
    first_ns: int = 0
    gil_wait_ns: int = 0
    gil_looks: int = 0
    lag_ns: int = 0
    in_flight: int = 0
    loop_busy_ns: int = 0
    queue_us: tuple[int, ...] = NO_TIMES
    first_us: tuple[int, ...] = NO_TIMES


class Slot:
    """The writing side; each method is a handful of stores."""

    __slots__ = ("_fill", "_free", "_rows", "_words", "cells")

    def __init__(self, octets: memoryview, threads: int) -> None:
        self.cells = octets[: CELLS * WORD].cast("Q")
        self._rows = octets[CELLS * WORD :]
        self._words = self._rows.cast("Q")
        self._fill = ROW.pack_into
        self._free = list(range(threads, threads + SUSPENDED))

    def begin(self, thread: int, now_ns: int, line: bytes) -> None:
        """The application gets a request."""
        length = len(line)
        self._fill(self._rows, thread * ROW_WORDS * WORD, min(length, LINE), line, now_ns)

    def end(self, thread: int) -> None:
        self._words[thread * ROW_WORDS + SINCE] = 0

    def suspend(self, since_ns: int, line: bytes) -> int:
        """The application has a request and waits; the row, for `resume`, or 0 when there are so many already."""
        if not self._free:
            return 0
        row = self._free.pop()
        self.begin(row, since_ns, line)
        return row

    def resume(self, row: int) -> None:
        self.end(row)
        self._free.append(row)

    def add(self, requests: int, sent: int, received: int, busy_ns: int, more: Mapping[int, int]) -> None:
        """So many requests were answered, and octets moved; `more`: how much to add to which other cell.

        Called by the loop's thread only, so that each word has one writer.
        """
        cells = self.cells
        cells[5] += requests  # Cell.REQUESTS and so on: an IntEnum here would cost as much as the stores
        cells[8] += sent
        cells[9] += busy_ns
        cells[15] += received
        for cell, number in more.items():
            cells[cell] += number

    def count_wait(self, waited_ns: int) -> None:
        """Of a request that is, or will be, counted: it had waited."""
        cells = self.cells
        cells[16] = (cells[16] + waited_ns) & WORD_MASK  # Cell.QUEUE_NS; it comes from outside, and must not overflow
        cells[168 + bucket(waited_ns // 1000)] += 1  # Cell.QUEUE

    def count_parts(self, service_ns: int, first_ns: int) -> None:
        """Of a request that is counted: its response went out in parts, the first of them after `first_ns`."""
        cells = self.cells
        cells[Cell.PARTED_NS] += service_ns
        cells[Cell.FIRST_NS] += first_ns
        cells[Cell.PARTED + bucket(service_ns // 1000)] += 1
        cells[Cell.FIRST + bucket(first_ns // 1000)] += 1

    def waited(self, listener: int, number: int, second: int) -> None:
        """So many were seen in a listener's accept queue in this second (of CLOCK_MONOTONIC).

        Two words, for even and odd seconds, so that the peak of one is still there when the next has begun.
        """
        if listener < LISTENERS:
            at = Cell.PEAKS + 2 * listener + (second & 1)
            self.cells[at] = max(self.cells[at], (second << PEAK_BITS) | min(number, PEAK_MASK))


class Scoreboard:
    """Made once, by the supervisor, before the first fork.

    Raises OSError (ENOMEM) when the mapping cannot be had.
    """

    def __init__(self, slots: int, threads: int) -> None:
        self.slots = slots
        self.threads = threads
        self._rows = threads + SUSPENDED
        self._size = (CELLS + self._rows * ROW_WORDS) * WORD
        self._octets = memoryview(mmap.mmap(-1, slots * self._size))
        self._words = self._octets.cast("Q")

    def slot(self, index: int) -> Slot:
        return Slot(self._slice(index), self.threads)

    def clear(self, index: int) -> None:
        """Forget the slot's last worker, before the next one is forked into it."""
        self._slice(index)[:] = bytes(self._size)

    def peek(self, index: int, cell: Cell) -> int:
        """One word of a slot."""
        return self._words[index * self._size // WORD + cell]

    def peaks(self, index: int, second: int) -> tuple[int, ...]:
        """The longest accept queue of each listener that this worker saw in this second or the one before."""
        start = index * self._size // WORD + Cell.PEAKS
        seen = self._words[start : start + 2 * LISTENERS].tolist()
        recent = [word & PEAK_MASK if word >> PEAK_BITS >= second - 1 else 0 for word in seen]
        return tuple(map(max, recent[::2], recent[1::2]))

    def read(self, index: int) -> Reading:
        octets = self._slice(index)
        cells = octets[: CELLS * WORD].cast("Q").tolist()
        service, queue, parted, first = (tuple(cells[at : at + BUCKETS]) for at in HISTOGRAMS)
        at_once = max(0, cells[Cell.REQUESTS] - sum(queue))
        return Reading(
            pid=cells[Cell.PID],
            generation=cells[Cell.GENERATION],
            state=WorkerState(cells[Cell.STATE]),
            beat_ns=cells[Cell.BEAT_NS],
            ready_ns=cells[Cell.READY_NS],
            requests=cells[Cell.REQUESTS],
            connections=cells[Cell.CONNECTIONS],
            accepted=cells[Cell.ACCEPTED],
            sent=cells[Cell.SENT],
            busy_ns=cells[Cell.BUSY_NS],
            statuses=(cells[10], cells[11], cells[12], cells[13], cells[14]),
            service_us=service,
            busy=tuple(busy for i in range(self._rows) if (busy := self._busy(octets, i)) is not None),
            received=cells[Cell.RECEIVED],
            queue_ns=cells[Cell.QUEUE_NS],
            first_ns=max(0, cells[Cell.BUSY_NS] - cells[Cell.PARTED_NS]) + cells[Cell.FIRST_NS],
            gil_wait_ns=cells[Cell.GIL_WAIT_NS],
            gil_looks=cells[Cell.GIL_LOOKS],
            lag_ns=cells[Cell.LAG_NS],
            in_flight=cells[Cell.IN_FLIGHT],
            loop_busy_ns=cells[Cell.LOOP_BUSY_NS],
            queue_us=(queue[0] + at_once, *queue[1:]),
            first_us=tuple(map(_first, service, parted, first)),
        )

    def _slice(self, index: int) -> memoryview:
        return self._octets[index * self._size : (index + 1) * self._size]

    def _busy(self, octets: memoryview, thread: int) -> Busy | None:
        start = (CELLS + thread * ROW_WORDS) * WORD
        row = octets[start : start + ROW_WORDS * WORD]
        words = row.cast("Q")
        for _ in range(3):  # a request that ends while it is read is read again; three in a row are not worth a fourth
            since, length = words[SINCE], words[0]
            if since == 0:
                return None
            end = WORD + min(length, LINE)
            line = bytes(row[WORD:end])
            if words[SINCE] == since:
                return Busy(thread, since, line, suspended=thread >= self.threads)
        return None


def _first(service: int, parted: int, first: int) -> int:
    """Of one bucket; never below 0, though the worker may be at work on the three at this moment."""
    return max(0, service - parted) + first
