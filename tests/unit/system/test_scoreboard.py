"""The scoreboard, written and read by different processes."""

from __future__ import annotations

import math
import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.counting import count
from tonnage.system.histogram import BUCKETS, SUB, bucket, bucket_floor_us, quantile_s
from tonnage.system.scoreboard import (
    HISTOGRAMS,
    LINE,
    LISTENERS,
    PEAK_MASK,
    SUSPENDED,
    Busy,
    Cell,
    Scoreboard,
    WorkerState,
)


def test_what_a_child_writes_its_parent_reads_even_when_the_child_was_killed() -> None:
    board = Scoreboard(slots=3, threads=2)
    pid = os.fork()
    if pid == 0:
        slot = board.slot(1)
        slot.cells[Cell.PID] = os.getpid()
        slot.cells[Cell.STATE] = WorkerState.READY
        slot.begin(1, 123, b"GET /stuck HTTP/1.1")
        count(slot, 200, 5_000_000, 42)
        count(slot, 503, 1_000, 0)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    reading = board.read(1)
    assert (reading.pid, reading.state, reading.requests, reading.sent) == (pid, WorkerState.READY, 2, 42)
    assert reading.statuses == (0, 1, 0, 0, 1)
    assert reading.busy == (Busy(1, 123, b"GET /stuck HTTP/1.1"),)
    assert reading.busy_ns == 5_001_000
    assert reading.service_us[bucket(5000)] == 1
    assert reading.service_us[bucket(1)] == 1
    assert board.peek(1, Cell.REQUESTS) == 2
    assert board.read(0).pid == board.read(2).pid == 0


def test_a_cleared_slot_remembers_nothing() -> None:
    board = Scoreboard(slots=1, threads=1)
    count(board.slot(0), 200, 1, 1)
    board.slot(0).begin(0, 1, b"x")
    board.clear(0)
    assert board.read(0).requests == 0
    assert board.read(0).busy == ()


def test_a_thread_that_is_done_is_not_busy() -> None:
    board = Scoreboard(slots=1, threads=1)
    slot = board.slot(0)
    slot.begin(0, 1, b"GET / HTTP/1.1")
    slot.end(0)
    assert board.read(0).busy == ()


def test_a_request_that_waits_is_seen_until_it_goes_on_and_rows_are_used_again() -> None:
    board = Scoreboard(slots=1, threads=1)
    slot = board.slot(0)
    rows = [slot.suspend(5, b"GET /waits HTTP/1.1") for _ in range(SUSPENDED)]
    assert slot.suspend(5, b"GET /one-too-many HTTP/1.1") == 0
    assert board.read(0).busy[0] == Busy(rows[-1], 5, b"GET /waits HTTP/1.1", suspended=True)
    assert len(board.read(0).busy) == SUSPENDED
    for row in rows:
        slot.resume(row)
    assert board.read(0).busy == ()
    assert slot.suspend(6, b"x")


def test_a_long_request_line_is_cut_and_a_shorter_one_after_it_is_whole() -> None:
    board = Scoreboard(slots=1, threads=1)
    slot = board.slot(0)
    slot.begin(0, 1, b"x" * (LINE + 50))
    assert board.read(0).busy[0].line == b"x" * LINE
    slot.begin(0, 2, b"GET /y HTTP/1.1")
    assert board.read(0).busy[0].line == b"GET /y HTTP/1.1"


@given(st.integers(min_value=0, max_value=2**33 - 1))
def test_a_time_lies_in_its_bucket_and_buckets_are_narrow(us: int) -> None:
    index = bucket(us)
    floor, ceiling = bucket_floor_us(index), bucket_floor_us(index + 1)
    assert floor <= us < ceiling
    assert ceiling - floor <= max(1, floor / SUB)


@pytest.mark.parametrize("us", [2**33, 2**50])
def test_times_beyond_the_last_bucket_are_counted_in_it(us: int) -> None:
    assert bucket(us) == BUCKETS - 1
    board = Scoreboard(slots=1, threads=1)
    count(board.slot(0), 200, us * 1000, 0)
    assert board.read(0).service_us[BUCKETS - 1] == 1


def test_who_did_not_wait_waited_for_nothing_and_who_sent_it_whole_sent_its_first_octet_with_the_rest() -> None:
    board = Scoreboard(slots=1, threads=1)
    slot = board.slot(0)
    count(slot, 200, 5_000_000, 10)
    count(slot, 200, 9_000_000, 10)
    slot.count_wait(3_000_000)
    slot.count_parts(9_000_000, 1_000_000)
    reading = board.read(0)
    assert (reading.queue_us[0], reading.queue_us[bucket(3000)], sum(reading.queue_us)) == (1, 1, 2)
    assert reading.queue_ns == 3_000_000
    assert (reading.first_us[bucket(5000)], reading.first_us[bucket(1000)], sum(reading.first_us)) == (1, 1, 2)
    assert reading.first_ns == 6_000_000
    assert reading.service_us[bucket(9000)] == 1


def test_the_longest_queue_of_a_second_is_kept_through_the_next_and_forgotten_then() -> None:
    board = Scoreboard(slots=2, threads=1)
    slot = board.slot(1)
    for listener, number, second in ((0, 5, 100), (0, 3, 100), (1, 7, 101), (0, 1, 101), (LISTENERS, 9, 101)):
        slot.waited(listener, number, second)
    slot.waited(2, 1 << 40, 101)
    assert board.peaks(1, 101)[:3] == (5, 7, PEAK_MASK)
    assert board.peaks(1, 102)[:2] == (1, 7)
    assert board.peaks(1, 103)[:2] == (0, 0)
    slot.waited(0, 2, 102)
    assert board.peaks(1, 102)[0] == 2
    assert not any(board.peaks(0, 101))


def test_the_histograms_do_not_overlap() -> None:
    assert [Cell.PEAKS + 2 * LISTENERS, *(at + BUCKETS for at in HISTOGRAMS[:-1])] == list(HISTOGRAMS)


def test_quantiles_of_nothing_are_nothing() -> None:
    assert quantile_s([0] * BUCKETS, 0.99) == 0.0


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(times: list[int], share: float) -> None:
    counts = [0] * BUCKETS
    for us in times:
        counts[bucket(us)] += 1
    rank = max(1, math.ceil(share * len(times)))
    index = bucket(sorted(times)[rank - 1])
    assert bucket_floor_us(index) <= quantile_s(counts, share) * 1e6 * (1 + 1e-9)
    assert quantile_s(counts, share) * 1e6 <= bucket_floor_us(index + 1) * (1 + 1e-9)
