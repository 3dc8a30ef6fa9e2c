"""Waiting is told from the machine's noise; percentile and variation are of what is left."""

import random

import pytest

from tonnage.capacity.service import Taken, quantile, service


def machine(draw: random.Random) -> float:
    """50 us on average; of a hundred requests one is delayed by 5 ms."""
    return 0.0001 + draw.expovariate(20_000) + (0.005 if draw.random() < 0.01 else 0.0)


def requests(number: int, cpu_s: float, wait_s: float, seed: int) -> list[Taken]:
    draw = random.Random(seed)
    return [Taken(cpu_s, machine(draw) + wait_s) for _ in range(number)]


NOTHING = requests(300, 0.0001, 0.0, seed=1)


def test_an_application_that_waits_for_nothing_is_not_said_to_on_a_noisy_machine() -> None:
    for seed in range(2, 30):
        found = service(requests(1000, 0.0001, 0.0, seed), NOTHING)
        assert found.waiting_s == 0.0
        assert found.mean_s == pytest.approx(0.0001)


@pytest.mark.parametrize("wait_s", [0.002, 0.076])
def test_a_wait_is_seen_whole(wait_s: float) -> None:
    found = service(requests(1000, 0.004, wait_s, seed=3), NOTHING)
    assert found.waiting_s == pytest.approx(wait_s, rel=0.05)
    assert found.variation < 0.02
    assert found.mean_s == pytest.approx(0.004 + wait_s, rel=0.05)


def test_a_rare_long_wait_counts_in_mean_percentile_and_variation() -> None:
    taken = requests(900, 0.001, 0.0, seed=4) + requests(100, 0.001, 0.5, seed=5)
    found = service(taken, NOTHING)
    assert found.waiting_s == pytest.approx(0.05, rel=0.05)
    assert found.p95_s == pytest.approx(0.501, rel=0.05)
    assert found.variation == pytest.approx(0.9 / 0.1, rel=0.1)  # (1 - p) / p, of a wait in one of ten


def test_requests_that_are_all_alike_do_not_vary_and_few_have_no_percentile() -> None:
    found = service([Taken(0.01, 0.0)] * 99, NOTHING)
    assert found.variation == pytest.approx(0.0)
    assert found.p95_s is None


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.95, 4), (0.25, 1), (1.0, 4)])
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile([4, 2, 1, 3], share) == value
