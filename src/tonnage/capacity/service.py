"""How long requests take of themselves, told from what the machine adds. Pure: times in, times out.

What of a request is not CPU is the machine's (the client, the kernel, a late wake-up), or the application waited. One
that does nothing shows the machine's part, and how much that varies: on a busy machine a few requests of a hundred are
delayed by milliseconds. So there is waiting only where both means differ by more than chance would have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import fmean, median, pvariance

CERTAIN = 3.0
"""Standard errors between two means that are taken to differ (B. L. Welch, Biometrika 34, 1947): once in 700 by chance,
and delays come in bursts."""

ENOUGH = 100  # requests for a 95th percentile


@dataclass(frozen=True, slots=True)
class Taken:
    """By one request."""

    cpu_s: float
    other_s: float  # all the rest of what the client saw, without waits for a CPU


@dataclass(frozen=True, slots=True)
class Service:
    mean_s: float
    waiting_s: float  # of that
    p95_s: float | None  # None: too few requests
    variation: float  # squared coefficient of variation: 0 when all are alike, 1 of an exponential


def service(taken: Sequence[Taken], of_nothing: Sequence[Taken]) -> Service:
    """Of each at least one."""
    others, machine = [each.other_s for each in taken], [each.other_s for each in of_nothing]
    error_s = sqrt(pvariance(others) / len(others) + pvariance(machine) / len(machine))
    waiting_s, noise, usual_s = fmean(others) - fmean(machine), pvariance(machine), median(machine)
    whole = [each.cpu_s + max(0.0, each.other_s - usual_s) for each in taken]
    if waiting_s <= CERTAIN * error_s:
        waiting_s, noise, whole = 0.0, 0.0, [each.cpu_s for each in taken]
    mean_s = fmean(each.cpu_s for each in taken) + waiting_s
    return Service(
        mean_s,
        waiting_s,
        quantile(whole, 0.95) if len(whole) >= ENOUGH else None,
        max(0.0, pvariance(whole) - noise) / mean_s**2 if mean_s else 0.0,  # variances add
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The least of them that so many do not exceed."""
    return sorted(values)[ceil(share * len(values)) - 1]
