"""The scoreboard, written and read by different processes."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnage.system.scoreboard import BUCKETS, LINE, SUB, Busy, Cell, Scoreboard, WorkerState, bucket, bucket_floor_us


def test_what_a_child_writes_its_parent_reads_even_when_the_child_was_killed() -> None:
    board = Scoreboard(slots=3, threads=2)
    pid = os.fork()
    if pid == 0:
        slot = board.slot(1)
        slot.cells[Cell.PID] = os.getpid()
        slot.cells[Cell.STATE] = WorkerState.READY
        slot.begin(1, 123, b"GET /stuck HTTP/1.1")
        slot.count(200, 5_000_000, 42)
        slot.count(503, 1_000, 0)
        os.abort()
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
    board.slot(0).count(200, 1, 1)
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
    board.slot(0).count(200, us * 1000, 0)
    assert board.read(0).service_us[BUCKETS - 1] == 1
