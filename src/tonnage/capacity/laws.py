"""Laws of queues that need no measurement of their own: bounds, knees, waits.

Words: D is the CPU time of a request, S its service time, Z = S - D what it waits (for a database, another service),
f = D / S. Each function names its law. What they assume is said; none is a promise.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log

GIL_KNEE = 32
"""A rule of thumb that nobody has measured: beyond it the switches, each of which takes the GIL from somebody, are
taken to cost more than one more thread brings."""

BUSY = 0.98
"""Of a CPU, that one worker shall be able to burn: the last 2 % cost as many threads again, and no measurement shows
them."""

WORTH_A_THREAD = 0.1
"""A waiting share below it gains at most 11 % from a second thread, and the hand-over to threads costs as much."""


EXPONENTIAL_P95 = log(20)
"""The 95th percentile of an exponential time, in means: 3.0."""


def threads(cpu_share: float, knee: int = GIL_KNEE) -> int:
    """The fewest with which a worker burns BUSY of a CPU: more would only queue for the GIL.

    Not the knee N* = (D + Z) / D = 1 / f of Denning and Buzen 1978, where a worker would be as fast as it can be if
    requests never met: they do, and at the knee the GIL is idle for a fifth of the time. Workers and switches between
    them cost more than threads: docs/explanation/sizing-measured.md.
    """
    if 1 - cpu_share < WORTH_A_THREAD:
        return 1
    return next((each for each in range(1, knee) if burn(cpu_share, each) >= BUSY), knee)


def burn(cpu_share: float, threads: int) -> float:
    """How much of a CPU one worker can burn, all its threads busy: between f and 1, for the GIL is one server.

    The closed network of one queue (the GIL) and one delay (the waiting), by exact mean value analysis (M. Reiser, S.
    S. Lavenberg, Mean-Value Analysis of Closed Multichain Queuing Networks, JACM 27:2, 1980). Exponential times; even
    ones do better, so this errs towards more workers.
    """
    demand, wait = cpu_share, 1 - cpu_share
    queued = rate = 0.0
    for customers in range(1, threads + 1):
        stay = demand * (1 + queued)
        rate = customers / (stay + wait)
        queued = rate * stay
    return min(1.0, rate * demand)


def throughput_bound(at_once: float, cpu_s: float, waiting_s: float, cpus: float) -> float:
    """X(N) <= min(N / (D + Z), C_eff / D), requests a second: no arrangement of workers gets beyond it.

    Denning and Buzen 1978; Lazowska, Zahorjan, Graham, Sevcik, Quantitative System Performance, 1984, chapter 5.
    """
    by_slots = at_once / (cpu_s + waiting_s) if cpu_s + waiting_s > 0 else inf
    return min(by_slots, cpus / cpu_s if cpu_s > 0 else inf)


def erlang_c(servers: int, load: float) -> float:
    """The share of requests that find all servers busy, with load = arrival rate x service time < servers.

    A. K. Erlang 1917; by the recursion of Erlang B, B(k) = a B(k-1) / (k + a B(k-1)), which does not overflow.
    """
    if load >= servers:
        return 1.0
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked / (1 - (load / servers) * (1 - blocked))


def mean_wait(servers: int, rate: float, service_s: float, variation: float = 1.0) -> float:
    """Wq = P_wait / (c mu - lambda) * (Ca^2 + Cs^2) / 2, in seconds.

    Allen and Cunneen's approximation for G/G/c (A. O. Allen, Probability, Statistics and Queueing Theory, 1990). It is
    exact for M/M/c, where `variation`, that last factor, is 1, and for M/D/1, where it is 1/2.
    """
    load = rate * service_s
    if load >= servers:
        return inf
    return erlang_c(servers, load) * service_s / (servers - load) * variation


def wait_quantile(quantile: float, servers: int, rate: float, service_s: float, variation: float = 1.0) -> float:
    """The wait that this share of requests stays within: P(Wq > t) = P_wait exp(-t / mean wait of those who wait)."""
    waits = erlang_c(servers, rate * service_s)
    if waits <= 1 - quantile:
        return 0.0
    return mean_wait(servers, rate, service_s, variation) / waits * log(waits / (1 - quantile))


def highest_rate(fits: Callable[[float], bool], ceiling: float) -> float:
    """By bisection, for what fits ever less the higher the rate."""
    low, high = 0.0, ceiling
    for _ in range(60):  # each halves the interval: far below a request a second
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
