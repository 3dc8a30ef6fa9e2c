"""The slope of measurements that jump: Theil-Sen, the median of the slopes between all pairs of points.

Up to 29 % of the points may be anything at all without moving it far (P. K. Sen, Estimates of the Regression
Coefficient Based on Kendall's Tau, Journal of the American Statistical Association 63, 1968), where least squares is
moved by a single one. Memory grows in steps, so there are always such points.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median


def slope(points: Sequence[tuple[float, float]]) -> float:
    """0 for fewer than two different x."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]
    return median(slopes) if slopes else 0.0
