from __future__ import annotations

import pytest

from tonnage.workers.overload import request_start_s


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"t=1700000000.123", 1700000000.123),
        (b"1700000000.5", 1700000000.5),
        (b"1700000000123", 1700000000.123),
        (b"t=1700000000123456", 1700000000.123456),
        (b" 1700000000 ", 1700000000.0),
        (b"yesterday", None),
        (b"-5", None),
        (b"", None),
    ],
)
def test_a_start_is_read_in_seconds_milliseconds_or_microseconds(value: bytes, seconds: float | None) -> None:
    assert request_start_s(value) == (pytest.approx(seconds) if seconds is not None else None)
