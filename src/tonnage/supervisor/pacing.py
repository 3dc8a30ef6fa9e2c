"""How fast workers may be started: not many at once, and ever more slowly when they keep failing.

A failure is a worker that dies before it is ready, or within STEADY_S after. Workers that were started side by side and
die of the same cause are one failure, not many: only the death of a worker that was started after the last failure
counts as another one. After the first failure one worker at a time is tried, until one has been ready for STEADY_S.

Who exits with code 0 may have been sent TERM, which is no failure; and nobody does that to one young worker after the
other. So the first that leaves young is excused, and those that were started before it left; who follows them is not.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY_S = 0.5  # short enough for a worker that was unlucky once
LONGEST_DELAY_S = 30.0  # long enough to cost nothing, short enough that a mended deploy is picked up soon
STEADY_S = 10.0


@dataclass(slots=True)
class Pace:
    failures: int = 0  # in a row
    failed_at: float = float("-inf")
    not_before: float = float("-inf")
    excused_below: int = 0  # the age from which on who leaves young has failed; 0: nobody has left


def delay(failures: int) -> float:
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures - 1, 16))


def fail(pace: Pace, born_at: float, now: float) -> float:
    """Count the death of a worker; how many seconds to wait before the next is started."""
    if born_at > pace.failed_at:
        pace.failures += 1
        pace.failed_at = now
        pace.not_before = now + delay(pace.failures)
    return max(0.0, pace.not_before - now)


def excuse(pace: Pace, age: int, next_age: int) -> bool:
    """Whether a young worker may leave by itself; `next_age` is the one of who will be started next."""
    pace.excused_below = pace.excused_below or next_age
    return age < pace.excused_below


def forgive(pace: Pace) -> None:
    pace.failures = 0
    pace.excused_below = 0
    pace.not_before = float("-inf")


def may_start(pace: Pace, booting: int, at_once: int, now: float) -> bool:
    return now >= pace.not_before and booting < (1 if pace.failures else at_once)
