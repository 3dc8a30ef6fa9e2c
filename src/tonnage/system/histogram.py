"""Times counted in log-linear buckets: SUB per power of two, so a relative error of at most 1/SUB.

As in HdrHistogram (Tene, 2012), in whole microseconds. To count one time costs a shift and a store.
"""

from __future__ import annotations

from collections.abc import Sequence

SUB_BITS = 2
SUB = 1 << SUB_BITS
BUCKETS = 32 * SUB  # microseconds, up to 2**33 (2.4 hours)


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


def quantile_s(counts: Sequence[int], share: float) -> float:
    """The time that `share` of what was counted did not exceed, taken as evenly spread over its bucket; else 0."""
    total = sum(counts)
    rank, passed = share * total, 0
    for index, count in enumerate(counts):
        if count and passed + count >= rank:
            floor, ceiling = bucket_floor_us(index), bucket_floor_us(index + 1)
            return (floor + (ceiling - floor) * (rank - passed) / count) / 1e6
        passed += count
    return 0.0
