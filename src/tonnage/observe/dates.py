"""The text of a time, made once a second. Local time with its offset, as Gunicorn writes it."""

from __future__ import annotations

import time
from typing import Final

REMEMBERED: Final = 64  # seconds; a slow request ends in the same second as a fast one, so one would nearly do

COMMON: Final = "[%d/%b/%Y:%H:%M:%S %z]"  # the common log format of access logs
ERROR: Final = "[%Y-%m-%d %H:%M:%S %z]"


class Dates(dict[int, str]):
    """`dates[second]`: a dictionary, because its operations are atomic where threads share it."""

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self._pattern = pattern

    def __missing__(self, second: int) -> str:
        text = time.strftime(self._pattern, time.localtime(second))
        if len(self) >= REMEMBERED:
            self.clear()
        self[second] = text
        return text


class Timestamps:
    """RFC 3339 with milliseconds, for JSON: 2026-07-01T12:00:00.250+02:00."""

    def __init__(self) -> None:
        self._dates = Dates("%Y-%m-%dT%H:%M:%S.")
        self._offsets = Dates("%z")

    def __call__(self, moment: float) -> str:
        second = int(moment)
        offset = self._offsets[second]
        return f"{self._dates[second]}{int((moment - second) * 1000):03}{offset[:3]}:{offset[3:]}"
