"""The slope of what jumps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tonnage.capacity.trend import slope


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(2, 20))
def test_of_a_line_it_is_the_lines(gradient: int, start: int, count: int) -> None:
    assert slope([(x, start + gradient * x) for x in range(count)]) == gradient


@given(st.integers(0, 19), st.integers(-(10**9), 10**9))
def test_one_wild_point_in_twenty_does_not_move_it_far(at: int, wild: int) -> None:
    points = [(float(x), 3.0 * x) for x in range(20)]
    points[at] = (float(at), float(wild))
    assert abs(slope(points) - 3.0) < 0.001


def test_a_step_is_no_growth() -> None:
    """An interpreter takes an arena of 256 KiB now and then, where a line through all points would see growth."""
    assert slope([(float(x), 0.0 if x < 3 else 256.0) for x in range(20)]) == 0


def test_of_too_little_it_is_nothing() -> None:
    assert slope([]) == slope([(1, 5)]) == slope([(1, 5), (1, 9)]) == 0
