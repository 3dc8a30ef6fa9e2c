"""Sums, rates, peaks and reasons: what the observer derives from what it sees."""

import signal

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.counting import count
from tonnage.control.overview import PEAK_S, WINDOW_S
from tonnage.supervisor.ledger import NOTHING, QUEUE, SERVICE, Ledger, spread, totals
from tonnage.supervisor.orders import Abort, BootFailure, Crashed, Left, NotForked, Order, Overdue, Recycled
from tonnage.supervisor.peaks import Peaks
from tonnage.supervisor.rates import NONE, REQUESTS, Sample, Window, occupied_ns
from tonnage.supervisor.tally import REASONS, Tally
from tonnage.system.histogram import BUCKETS, bucket
from tonnage.system.scoreboard import Cell, Scoreboard

MS = 1_000_000


def test_the_ended_count_on_and_their_slot_may_be_emptied_and_used_again() -> None:
    board, ledger = Scoreboard(1, threads=1), Ledger()
    slot = board.slot(0)
    count(slot, 200, 5 * MS, 10)
    count(slot, 500, 5 * MS, 10)
    ledger.see(1, board.read(0), 70)
    count(slot, 200, 5 * MS, 10)
    ledger.close(1, board.read(0))
    board.clear(0)
    ledger.see(1, board.read(0), 0)
    ledger.forget([])
    count(board.slot(0), 200, 1 * MS, 1)
    ledger.see(2, board.read(0), 5)
    found = totals(ledger.totals())
    assert (found.requests, found.sent, found.statuses, found.cpu_s) == (4, 31, (0, 3, 0, 0, 1), 75e-9)
    assert (found.service.count, found.service.sum_s) == (4, 0.016)


@given(st.lists(st.sampled_from(["count", "wait", "parts", "see", "die", "clear"]), max_size=40))
def test_no_sum_ever_goes_down_however_what_workers_write_is_cut(deeds: list[str]) -> None:
    board, ledger, age, last = Scoreboard(1, threads=1), Ledger(), 1, NOTHING
    slot = board.slot(0)
    for deed in deeds:
        if deed == "count":
            count(slot, 200, 5 * MS, 1)
        elif deed == "wait":  # also without its request being counted yet
            slot.count_wait(2 * MS)
        elif deed == "parts":
            slot.count_parts(5 * MS, MS)
        elif deed == "see":
            ledger.see(age, board.read(0), 0)
        elif deed == "die":
            ledger.close(age, board.read(0))
            board.clear(0)
            age += 1
        now = ledger.totals()
        assert all(later >= earlier for later, earlier in zip(now, last, strict=True))
        last = now


def test_a_spread_tells_bounds_and_counts_where_there_are_any() -> None:
    counts = [0] * BUCKETS
    counts[bucket(1000)], counts[0] = 3, 2
    found = spread(counts, 2_000_000_000)
    assert (found.counts, found.sum_s, found.count) == ((2, 3), 2.0, 5)
    assert found.bounds_s[0] == 1e-6
    assert 0.001 < found.bounds_s[1] <= 0.00125
    assert (QUEUE.start - SERVICE.start, len(counts)) == (BUCKETS, BUCKETS)


def sample(at: float, requests: int, occupied: int = 0) -> Sample:
    counts = tuple(requests if index == REQUESTS else 0 for index in range(len(NOTHING)))
    return Sample(at, counts, occupied)


def test_rates_are_those_of_the_window() -> None:
    window = Window()
    assert window.rates() is NONE
    for second in range(31):
        window.take(sample(100.0 + second, 10 * second if second < 20 else 200 + 50 * (second - 20), second * 10**9))
    rates = window.rates()
    assert (rates.rps, rates.busy, rates.counted[REQUESTS]) == (50.0, 1.0, 50 * WINDOW_S)


def test_two_samples_of_the_same_moment_tell_no_rate() -> None:
    window = Window()
    window.take(sample(1.0, 0))
    window.take(sample(1.0, 5))
    assert window.rates() is NONE


def test_a_request_in_flight_occupies_its_thread_and_a_loop_tells_itself() -> None:
    board = Scoreboard(1, threads=2)
    slot = board.slot(0)
    count(slot, 200, 3 * MS, 0)
    slot.begin(1, 10 * MS, b"GET / HTTP/1.1")
    assert occupied_ns(board.read(0), 15 * MS) == 8 * MS
    assert occupied_ns(board.read(0), 5 * MS) == 3 * MS
    slot.cells[Cell.LOOP_BUSY_NS] = 4
    assert occupied_ns(board.read(0), 15 * MS) == 4


def test_a_peak_is_told_for_a_minute_to_everybody() -> None:
    peaks = Peaks()
    peaks.note("a", 100, 7)
    peaks.note("a", 100, 3)
    peaks.note("a", 130, 2)
    assert [peaks.of("a", second) for second in (100, 100, 100 + PEAK_S - 1, 100 + PEAK_S, 130 + PEAK_S)] == [
        7, 7, 7, 2, 0,
    ]  # fmt: skip
    assert peaks.of("b", 100) == 0


def test_each_worker_that_is_replaced_counts_once_by_its_first_reason() -> None:
    tally = Tally(lambda age: age >= 100)
    told: list[Order] = [
        Recycled(1, "it has answered 10 requests (--max-requests)"), Left(1, 0, asked=True),
        Recycled(2, "the server takes 9 MiB, more than 8 (--max-total-memory), and it is its biggest"),
        Recycled(3, "it has served for 9 s, longer than 8 (--max-worker-lifetime)"),
        Recycled(4, "GET / HTTP/1.1 ran for 31.0 s (--timeout)"), Recycled(5, "I am tired"),
        Abort(6, Overdue.REQUEST, 0.0, "it has had GET /"), Left(6, -signal.SIGKILL, asked=True),
        Abort(7, Overdue.GRACE, 30.0), Left(7, -signal.SIGKILL, asked=True),
        BootFailure(8, 3, "", ""), Left(8, 3, asked=True), NotForked(9, "no memory", 1.0, 1),
        Crashed(10, -signal.SIGKILL, 1.0, 0.0, 1), Crashed(11, -signal.SIGSEGV, 1.0, 0.0, 1),
        Left(100, 0, asked=True), Recycled(101, "it is old (--max-requests)"), Left(101, 0, asked=True),
    ]  # fmt: skip
    for order in told:
        tally.hear(order)
    found = {each.reason: each.count for each in tally.restarts()}
    assert found == {
        **dict.fromkeys(REASONS, 1),
        "max_requests": 2,
        "timeout": 2,
    }
