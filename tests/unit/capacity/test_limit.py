"""One limit alone: it holds at its answer, and not one beyond."""

from hypothesis import given
from hypothesis import strategies as st

from tonnage.capacity.limit import Limit

octets = st.integers(0, 1 << 40)


@given(st.integers(0, 1 << 50), octets, st.integers(1, 1 << 40), st.integers(0, 5), st.integers(1, 100))
def test_a_limit_holds_at_its_answer_and_not_one_beyond(cap: int, fixed: int, each: int, spare: int, part: int) -> None:
    limit = Limit(
        name="x", what="x", cap=cap, fixed={"a": fixed}, each={"b": each}, spare={"c": spare}, percent=part,
        source="", unit="",
    )  # fmt: skip
    workers, usable = limit.workers(cap), cap * part // 100
    if workers:
        assert fixed + each * (workers + spare) <= usable
    assert fixed + each * (workers + 1 + spare) > usable
