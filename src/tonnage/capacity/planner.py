"""What to run an application with: class, threads, workers, and every figure that decided it. Measures nothing.

The class and the threads follow from the share of a request that is spent waiting; the workers from what binds
(model.py). Where the database or the memory binds, fewer threads may carry more: of all numbers of threads up to
that of the laws the one with the highest expected throughput is taken, and of equals the one with the fewest workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tonnage.capacity import laws
from tonnage.capacity.database import Budget
from tonnage.capacity.facts import Facts
from tonnage.capacity.footprint import Footprint
from tonnage.capacity.model import Caps, Needs, Solution, connections_per_worker, solve

THREAD_OCTETS = 128 << 10
"""What one more thread takes; 30 KiB were measured of a hello world, a deep stack and its database connection more."""

SUPERVISOR_FILES = 2
"""Descriptors that the supervisor holds for each worker (counted in /proc/PID/fd)."""

SUPERVISOR_FILES_TAKEN = 16

LEAST_CPU_S = 1e-6  # below what a clock of the kernel resolves
SAME = 0.02  # throughputs that differ by less are equal: a measurement is not finer than that

ASYNC = frozenset({"asgi"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the operator fixed, and what he wants to reach."""

    kind: str = "wsgi"
    worker_class: str | None = None  # None: to be chosen
    threads: int | None = None
    preload: bool = False
    surge: int = 1
    max_requests: int = 0
    worker_connections: int = 1000
    replicas: int = 1
    target_rps: float | None = None
    p95_s: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to run it, and what follows."""

    worker_class: str
    threads: int
    burn: float  # CPUs that one worker can burn
    solution: Solution

    @property
    def workers(self) -> int:
        return self.solution.workers


@dataclass(frozen=True, slots=True)
class Capacity:
    """Requests a second."""

    by_cpu: float  # no number of workers gets beyond
    by_slots: float  # nor beyond that, with so many at once
    expected: float
    within_p95: float | None = None  # None: not asked for


@dataclass(frozen=True, slots=True)
class Plan:
    app: str
    choice: Choice
    capacity: Capacity
    footprint: Footprint
    facts: Facts
    budgets: tuple[Budget, ...]
    wishes: Wishes
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    others: tuple[Choice, ...] = field(default=())  # the class that was not chosen, for comparison

    @property
    def workers(self) -> int:
        """To be set: at least one, also where it does not fit."""
        return max(1, self.choice.workers)

    @property
    def reaches_target(self) -> bool:
        """Also the waits that were asked for."""
        wanted = self.wishes.target_rps
        carried = self.capacity.expected if self.capacity.within_p95 is None else self.capacity.within_p95
        return self.choice.workers > 0 and (wanted is None or carried >= wanted)


def plan(facts: Facts, footprint: Footprint, budgets: tuple[Budget, ...], wishes: Wishes) -> Plan:
    caps = machine_caps(facts)
    chosen = best(footprint, budgets, wishes, caps)
    return Plan(
        footprint.app,
        chosen,
        capacity(chosen, footprint, caps.cpus, wishes),
        footprint,
        facts,
        budgets,
        wishes,
        tuple(_reasons(chosen, footprint, wishes)),
        tuple(_notes(facts, footprint, budgets, wishes)),
        tuple(_others(chosen, footprint, budgets, wishes, caps)),
    )


def machine_caps(facts: Facts) -> Caps:
    memory, tasks = facts.memory.binding, facts.tasks.binding
    return Caps(
        cpus=facts.cpus,
        memory=int(memory.limit) if memory else None,
        memory_taken=int(memory.used) if memory else 0,
        files=facts.nofile_soft.value,
        files_taken=SUPERVISOR_FILES_TAKEN,
        tasks=int(tasks.limit) if tasks else None,
        tasks_taken=int(tasks.used) + 2 if tasks else 0,  # supervisor and zygote
    )


# -- the choice --------------------------------------------------------------------------------------------------------


def best(footprint: Footprint, budgets: tuple[Budget, ...], wishes: Wishes, caps: Caps) -> Choice:
    """The most throughput; of equals the fewest workers, which take the least memory and the fewest connections."""
    choices = [choice(threads, footprint, budgets, wishes, caps) for threads in _candidates(footprint, wishes)]
    reach = [expected(each, footprint, caps.cpus) for each in choices]
    good = [each for each, rate in zip(choices, reach, strict=True) if rate >= max(reach) * (1 - SAME)]
    return min(good, key=lambda each: (each.workers, -each.threads))


def _candidates(footprint: Footprint, wishes: Wishes) -> Iterator[int]:
    if wishes.threads is not None:
        yield wishes.threads
    elif wishes.kind == "asgi" or wishes.worker_class == "sync":
        yield 1
    else:
        yield from range(1, laws.threads(1 - footprint.waiting_share) + 1)


def choice(threads: int, footprint: Footprint, budgets: tuple[Budget, ...], wishes: Wishes, caps: Caps) -> Choice:
    worker_class = wishes.worker_class or ("asgi" if wishes.kind == "asgi" else "sync" if threads == 1 else "gthread")
    is_async = worker_class in ASYNC
    burn = laws.burn(1 - footprint.waiting_share, wishes.worker_connections if is_async else threads)
    databases = (budget.opened(threads, is_async=is_async, replicas=wishes.replicas) for budget in budgets)
    solution = solve(_needs(threads, burn, footprint, wishes), replace(caps, databases=tuple(databases)))
    return Choice(worker_class, threads, burn, solution)


def _needs(threads: int, burn: float, footprint: Footprint, wishes: Wishes) -> Needs:
    weight = footprint.weight(preload=wishes.preload)
    extra = max(0, threads - footprint.threads)
    return Needs(
        cpu=burn,
        first_octets=weight.first_octets + extra * THREAD_OCTETS,
        further_octets=weight.further_octets + extra * THREAD_OCTETS,
        growth_octets=int(footprint.growth_octets_per_1k * wishes.max_requests / 1000),
        server_octets=weight.base_octets,
        files=SUPERVISOR_FILES,
        tasks=max(2, footprint.os_threads + threads - footprint.threads),
        surge=wishes.surge,
    )


# -- what it carries ---------------------------------------------------------------------------------------------------


def expected(chosen: Choice, footprint: Footprint, cpus: float) -> float:
    """min(C_eff, W x rho) / D requests a second: what the workers together can burn, and there is."""
    return min(cpus, chosen.workers * chosen.burn) / max(footprint.cpu_s_per_request, LEAST_CPU_S)


def capacity(chosen: Choice, footprint: Footprint, cpus: float, wishes: Wishes) -> Capacity:
    demand = max(footprint.cpu_s_per_request, LEAST_CPU_S)
    service = max(footprint.service_s_per_request, demand)
    at_once = slots(chosen, wishes)
    rate = expected(chosen, footprint, cpus)
    within = None
    if wishes.p95_s is not None and chosen.workers:
        stations = Stations(
            at_once,
            service,
            min(float(chosen.workers), cpus),
            demand,
            footprint.service_p95_s or service * laws.EXPONENTIAL_P95,
            footprint.service_variation,
        )
        within = min(rate, stations.rate_within(wishes.p95_s))
    return Capacity(cpus / demand, laws.throughput_bound(at_once, demand, service - demand, cpus), rate, within)


def slots(chosen: Choice, wishes: Wishes) -> int:
    """Requests that are served at the same time."""
    return chosen.workers * (wishes.worker_connections if chosen.worker_class in ASYNC else chosen.threads)


@dataclass(frozen=True, slots=True)
class Stations:
    """A request waits twice: for a slot (c = workers x threads, service S) and, with its thread, for a CPU."""

    slots: int
    service_s: float
    cpus: float  # that can be used at once: min(workers, CPUs)
    cpu_s: float
    own_p95_s: float  # of the service time
    variation: float = 1.0  # of the service time, squared: Cs^2

    def p95(self, rate: float) -> float:
        """The 95th percentile of the service time, and of each wait; requests come as they like (Poisson: Ca = 1)."""
        for_slot = laws.wait_quantile(0.95, self.slots, rate, self.service_s, (1 + self.variation) / 2)
        if self.slots <= self.cpus:  # whoever has a slot has a CPU
            return self.own_p95_s + for_slot
        servers = max(1, int(self.cpus))
        each_s = self.cpu_s * servers / self.cpus  # half a CPU is one CPU at half the pace
        waits = laws.wait_quantile(0.95, servers, rate, each_s)  # how the CPU's part varies is not known: as 1
        return self.own_p95_s + waits + for_slot

    def rate_within(self, limit_s: float) -> float:
        return laws.highest_rate(lambda rate: self.p95(rate) <= limit_s, self.cpus / self.cpu_s)


# -- words -------------------------------------------------------------------------------------------------------------


def _reasons(chosen: Choice, footprint: Footprint, wishes: Wishes) -> Iterator[str]:
    waiting, share = footprint.waiting_share, 1 - footprint.waiting_share
    if wishes.kind == "asgi":
        yield "worker_class = asgi: an ASGI application; its requests wait beside each other in one thread"
        return
    ideal = laws.threads(share)
    name = f"worker_class = {chosen.worker_class}"
    if wishes.worker_class is not None:
        yield f"{name}: set by you"
    elif chosen.threads == 1 and waiting < laws.WORTH_A_THREAD:
        gain = 1 / share - 1  # N* of the laws
        yield f"{name}: requests wait for {waiting:.0%} of their time; a second thread would gain at most {gain:.0%}"
    elif chosen.threads > 1:
        yield f"{name}: requests wait for {waiting:.0%} of their time, in which the same worker can serve others"
    if wishes.threads is not None:
        yield f"threads = {chosen.threads}: set by you; the measurement says {ideal}"
    elif chosen.threads == ideal > 1:
        enough = "more would only queue for the GIL" if chosen.burn >= laws.BUSY else "the GIL's knee, by rule of thumb"
        yield f"threads = {ideal}: they keep a worker busy for {chosen.burn:.0%} of the time; {enough}"
    elif chosen.threads < ideal and wishes.worker_class != "sync":
        binding = chosen.solution.binding
        yield f"threads = {chosen.threads}, not {ideal}: bound by the {binding.what}, it so carries more"


def _notes(facts: Facts, footprint: Footprint, budgets: tuple[Budget, ...], wishes: Wishes) -> Iterator[str]:
    yield from footprint.notes
    growth = footprint.growth_octets_per_1k
    if growth > 0 and not wishes.max_requests:
        yield (
            f"a worker grows by {growth / (1 << 20):.2f} MiB per 1,000 requests, for ever: the memory term counts it "
            "only with --max-requests"
        )
    for budget in budgets:
        yield from budget.notes
    files = facts.nofile_soft.value
    if files is not None:
        room = connections_per_worker(files, footprint.files)
        if room < wishes.worker_connections:
            yield (
                f"a worker can open {files} files (RLIMIT_NOFILE), which is {room} connections: worker_connections = "
                f"{wishes.worker_connections} is never reached; raise it with LimitNOFILE= or ulimit -n"
            )


def _others(
    chosen: Choice, footprint: Footprint, budgets: tuple[Budget, ...], wishes: Wishes, caps: Caps
) -> Iterator[Choice]:
    """What sync would need, for an application that is not safe in threads."""
    if chosen.worker_class == "gthread" and wishes.worker_class is None and wishes.threads is None:
        yield choice(1, footprint, budgets, wishes, caps)
