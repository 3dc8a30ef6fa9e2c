"""What the page about the plan says follows from the rounds, and from nothing else."""

import pytest

from prove.contest import Way
from prove.sizing import CASES, PACES, Found, page

PLAN, OTHER = Way.of(2, 3), Way.of(1, 8)


def found(plan: list[float], other: list[float], others: float = 0.01) -> Found:
    told: dict[str, object] = {"footprint": {"waiting_share": 0.5}, "capacity": {"expected": 440.0}}
    return Found(CASES[1], PLAN, told, {PLAN: 400.0, OTHER: 900.0}, {PLAN: plan, OTHER: other}, 0.02, others)


def test_rounds_are_compared_each_in_itself() -> None:
    """The machine was twice as fast in the second round, and one ratio is an accident."""
    seen = found([400, 800, 400], [440, 880, 4000])
    assert seen.best == OTHER
    assert seen.share == pytest.approx(1 / 1.1)


def test_a_plan_that_nothing_beats_has_all_of_it() -> None:
    seen = found([400, 410, 420], [380, 390, 400])
    assert (seen.best, seen.share) == (PLAN, 1.0)


def test_the_page_keeps_or_breaks_the_promise_by_the_rounds_and_tells_noise() -> None:
    kept = page([found([400, 400, 400], [440, 440, 440])], PACES["long"])
    assert "**Kept, in every case.** Meanwhile other work took at most 1.0% of the CPUs." in kept
    assert "| 50 % CPU | 50% | 3 gthread x 2 threads | 440 | 400 | 8 sync | 440 | 91% |" in kept
    broken = page([found([400, 400, 400], [500, 500, 500], others=0.3)], PACES["long"])
    assert "**Not kept in every case.**" in broken
    assert "30.0% of the CPUs: to be measured again on a quiet machine.**" in broken
