"""The laws against closed forms, and against a simulator that knows none of them (ciw)."""

from math import exp, factorial, inf

import ciw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnage.capacity import laws

shares = st.floats(0.01, 1.0)


def textbook_erlang_c(servers: int, load: float) -> float:
    tail = load**servers / factorial(servers) * servers / (servers - load)
    return tail / (sum(load**k / factorial(k) for k in range(servers)) + tail)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_erlang_c_is_the_formula_of_the_textbook(servers: int, utilisation: float) -> None:
    load = servers * utilisation
    assert laws.erlang_c(servers, load) == pytest.approx(textbook_erlang_c(servers, load), rel=1e-9)


def test_erlang_c_of_thousands_of_servers_does_not_overflow() -> None:
    assert 0 < laws.erlang_c(5000, 4900) < 1


@given(st.floats(0.01, 0.99))
def test_one_server_waits_as_pollaczek_and_khinchine_say(utilisation: float) -> None:
    assert laws.erlang_c(1, utilisation) == pytest.approx(utilisation)
    assert laws.mean_wait(1, utilisation, 1.0) == pytest.approx(utilisation / (1 - utilisation))
    assert laws.mean_wait(1, utilisation, 1.0, variation=0.5) == pytest.approx(utilisation / (2 * (1 - utilisation)))


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.7), (4, 3.2)])
def test_a_simulated_queue_waits_as_long_as_erlang_says(servers: int, rate: float) -> None:
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate)],
        service_distributions=[ciw.dists.Exponential(1.0)],
        number_of_servers=[servers],
    )
    waits: list[float] = []
    for seed in range(4):
        ciw.seed(seed)
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_time(4000)
        waits += [record.waiting_time for record in simulation.get_all_records() if record.arrival_date > 200]
    assert sum(waits) / len(waits) == pytest.approx(laws.mean_wait(servers, rate, 1.0), rel=0.15)
    longest = sorted(waits)[int(0.95 * len(waits))]
    assert longest == pytest.approx(laws.wait_quantile(0.95, servers, rate, 1.0), rel=0.15)


def test_who_would_not_wait_long_waits_not_at_all() -> None:
    assert laws.wait_quantile(0.95, 10, 1.0, 1.0) == 0
    assert laws.wait_quantile(0.95, 2, 2.0, 1.0) == laws.mean_wait(2, 2.0, 1.0) == inf


def test_the_highest_rate_fits_and_a_higher_one_does_not() -> None:
    found = laws.highest_rate(lambda rate: laws.wait_quantile(0.95, 4, rate, 1.0) <= 2.0, 4.0)
    assert laws.wait_quantile(0.95, 4, found, 1.0) <= 2.0 < laws.wait_quantile(0.95, 4, found * 1.001, 1.0)


@pytest.mark.parametrize(("cpu", "wanted"), [(1.0, 1), (0.95, 1), (0.85, 2), (0.5, 4), (0.3, 7), (0.05, 27), (0, 32)])
def test_threads_fill_the_waiting_of_the_others_and_stop_at_the_knee(cpu: float, wanted: int) -> None:
    assert laws.threads(cpu) == wanted


@given(shares, st.integers(1, 64))
def test_threads_are_clamped(cpu: float, knee: int) -> None:
    found = laws.threads(cpu, knee)
    assert 1 <= found <= knee
    assert found in (1, knee) or laws.burn(cpu, found) >= laws.BUSY > laws.burn(cpu, found - 1)


@given(st.floats(0.01, 0.999), st.integers(1, 30))
def test_one_worker_burns_what_the_machine_repairman_says(cpu: float, threads: int) -> None:
    """M/M/1//N in closed form: the worker's GIL is the repairman, its threads are the machines."""
    ratio = cpu / (1 - cpu)
    idle = 1 / sum(factorial(threads) / factorial(threads - k) * ratio**k for k in range(threads + 1))
    assert laws.burn(cpu, threads) == pytest.approx(1 - idle, abs=1e-6)


@given(shares, st.integers(1, 30))
def test_more_threads_burn_more_and_never_more_than_one_cpu(cpu: float, threads: int) -> None:
    assert cpu - 1e-9 <= laws.burn(cpu, threads) <= laws.burn(cpu, threads + 1) + 1e-9 <= 1 + 2e-9


def test_bounds_of_operational_analysis() -> None:
    assert laws.throughput_bound(2, cpu_s=0.01, waiting_s=0.09, cpus=2) == pytest.approx(20)  # slots: 2 / 0.1
    assert laws.throughput_bound(100, cpu_s=0.01, waiting_s=0.09, cpus=2) == pytest.approx(200)  # the CPUs
    assert laws.throughput_bound(1, 0, 0, 2) == inf


def test_a_wait_that_lasts_t_gets_rarer_as_an_exponential() -> None:
    wait = laws.wait_quantile(0.99, 3, 2.7, 1.0)
    assert laws.erlang_c(3, 2.7) * exp(-wait * (3 - 2.7)) == pytest.approx(0.01)
