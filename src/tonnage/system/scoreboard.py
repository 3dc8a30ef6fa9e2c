"""What every worker is doing, in memory that supervisor and workers share.

One anonymous mapping, made before the first fork: no file, no lock, no system call. One slot a worker, written only by
that worker (its loop thread writes the counters, each application thread its own row), read by anyone at any time. So a
hung or dead worker can still be asked what it was doing: nobody has to answer.

A slot is CELLS 64-bit words, then one row for each application thread: the word `busy since` (CLOCK_MONOTONIC
nanoseconds, 0 = free), a word with the length of the request line, and the line itself, cut at LINE octets. A reader
takes `busy since` before and after the line and tries again when they differ.

Service times are counted in log-linear buckets, SUB per power of two (a relative error of at most 1/SUB), as in
HdrHistogram (Tene, 2012).
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from enum import IntEnum

LINE = 240
WORD = 8
ROW_WORDS = 2 + LINE // WORD
SUB_BITS = 2
SUB = 1 << SUB_BITS
BUCKETS = 32 * SUB  # microseconds, up to 2**33 (2.4 hours)


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
    SERVICE = 15  # first of BUCKETS


CELLS = Cell.SERVICE + BUCKETS


class WorkerState(IntEnum):
    EMPTY = 0
    BOOTING = 1
    READY = 2
    DRAINING = 3


@dataclass(frozen=True, slots=True)
class Busy:
    """One request that the application has at this moment."""

    thread: int
    since_ns: int  # CLOCK_MONOTONIC
    line: bytes  # "GET /path HTTP/1.1", cut at LINE octets


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


def bucket(us: int) -> int:
    """The bucket of a time in whole microseconds."""
    shift = us.bit_length() - SUB_BITS - 1
    if shift <= 0:
        return us if us < BUCKETS else BUCKETS - 1
    index = (shift << SUB_BITS) + (us >> shift)
    return index if index < BUCKETS else BUCKETS - 1


def bucket_floor_us(index: int) -> int:
    """The smallest time, in microseconds, that falls into the bucket."""
    if index < 2 * SUB:
        return index
    shift = (index >> SUB_BITS) - 1
    return ((index & (SUB - 1)) + SUB) << shift


class Slot:
    """The writing side; each method is a handful of stores."""

    __slots__ = ("_lines", "_rows", "cells")

    def __init__(self, octets: memoryview, threads: int) -> None:
        self.cells = octets[: CELLS * WORD].cast("Q")
        rows = octets[CELLS * WORD :]
        self._rows = rows.cast("Q")
        self._lines = [rows[(i * ROW_WORDS + 2) * WORD : (i + 1) * ROW_WORDS * WORD] for i in range(threads)]

    def begin(self, thread: int, now_ns: int, line: bytes) -> None:
        """The application gets a request."""
        length = len(line)
        if length > LINE:
            line, length = line[:LINE], LINE
        self._lines[thread][:length] = line
        row = thread * ROW_WORDS
        self._rows[row + 1] = length
        self._rows[row] = now_ns

    def end(self, thread: int) -> None:
        self._rows[thread * ROW_WORDS] = 0

    def count(self, status: int, service_ns: int, sent: int) -> None:
        """One request is answered; called by the loop's thread only, so that each word has one writer."""
        cells = self.cells
        cells[5] += 1  # Cell.REQUESTS and so on: an IntEnum here would cost as much as the stores
        cells[8] += sent
        cells[9] += service_ns
        cells[9 + status // 100] += 1
        us = service_ns // 1000
        shift = us.bit_length() - 3
        index = us if shift <= 0 else (shift << 2) + (us >> shift)
        cells[15 + (index if index < BUCKETS else BUCKETS - 1)] += 1


class Scoreboard:
    """Made once, by the supervisor, before the first fork.

    Raises OSError (ENOMEM) when the mapping cannot be had.
    """

    def __init__(self, slots: int, threads: int) -> None:
        self.slots = slots
        self.threads = threads
        self._size = (CELLS + threads * ROW_WORDS) * WORD
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

    def read(self, index: int) -> Reading:
        octets = self._slice(index)
        cells = octets[: CELLS * WORD].cast("Q")
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
            service_us=tuple(cells[Cell.SERVICE : CELLS]),
            busy=tuple(busy for i in range(self.threads) if (busy := self._busy(octets, i)) is not None),
        )

    def _slice(self, index: int) -> memoryview:
        return self._octets[index * self._size : (index + 1) * self._size]

    @staticmethod
    def _busy(octets: memoryview, thread: int) -> Busy | None:
        start = (CELLS + thread * ROW_WORDS) * WORD
        row = octets[start : start + ROW_WORDS * WORD]
        words = row[: 2 * WORD].cast("Q")
        for _ in range(3):  # a request that ends while it is read is read again; three in a row are not worth a fourth
            since, length = words[0], words[1]
            if since == 0:
                return None
            line = bytes(row[2 * WORD : 2 * WORD + min(length, LINE)])
            if words[0] == since:
                return Busy(thread, since, line)
        return None
