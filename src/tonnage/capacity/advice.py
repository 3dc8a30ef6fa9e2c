"""What caps a running server, and what would lift that: one pure function a rule, Signals -> Advice or None.

A rule speaks of what was measured, names the setting or command that helps, and what may be expected of it; it does not
act. Thresholds stand at the top with their reasons. That a resource which is used up first decides, whatever the others
could carry, is the bottleneck law (Denning and Buzen, 1978; see laws.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tonnage.capacity import laws
from tonnage.capacity.limit import mib
from tonnage.capacity.signals import Growth, Signals
from tonnage.control.overview import Advice

BUSY = 0.9
"""From there on a queue is longer than what is served, whatever the distribution: W grows as 1/(1 - utilisation)."""

WAITED_S = 0.05
"""At the 95th percentile, for a free thread: people notice a tenth of a second, and half of it is enough to warn."""

CPU_FULL = 0.9
"""Of the CPUs that we may use; the rest is what supervisor, proxy and kernel threads take."""

THROTTLED = 0.1
"""Of all periods of the quota: one in ten makes the slowest tenth of all answers wait for the next period."""

IDLE_CPUS = 0.3
"""Below that another worker finds nothing to run on."""

FILES_FULL = 0.8
CONNECTIONS_FULL = 0.9
DATABASE_FULL = 0.9
MEMORY_FULL = 0.9
"""Of the limit; the same as max_total_memory's default, at which workers begin to be replaced."""

LEAK_HOURS = 24.0
"""A worker that reaches its limit later is recycled by the next release before."""

LEAST_GROWTH = 0.1
"""Of the worker's size, before a slope is called a leak: caches fill, and then stop."""

AT_REST = 0.5
"""How busy the workers that are kept may get: half of them free leaves room for the peaks that were not seen."""

GIL_WAIT_S = 0.005
"""The interpreter's switch interval (sys.getswitchinterval): whoever waits so long found it held all the time."""


def workers(signals: Signals) -> Advice | None:
    """All are busy, somebody waits, and CPU, memory and database have room: the number of workers is the cap."""
    if not _is_full(signals) or _cpu_is_full(signals) or _database_is_full(signals) or signals.idle_cpus < IDLE_CPUS:
        return None
    more = _affordable(signals)
    if more < 1:
        return None
    seen, want = signals.seen, signals.seen.want
    threads = ""
    if signals.one_at_a_time and signals.waiting_share >= AT_REST:
        fitting = laws.threads(1 - signals.waiting_share)
        threads = (
            f" Requests wait for {signals.waiting_share:.0%} of their time: --threads {fitting} costs less memory."
        )
    if signals.database:
        each = math.ceil(signals.database / max(len(signals.ready), 1))
        threads += f" Each worker holds {each} database connection(s): mind the database's limit."
    return Advice(
        "workers",
        f"all workers ({len(signals.ready)}) were busy for {seen.busy:.0%} of the time{_queued(signals)}, while "
        f"{signals.idle_cpus:.1f} of {seen.cpus:g} CPUs were idle. Raise --workers to {want + more} (now: `tonnage "
        f"workers add {more}`): up to {(want + more) / max(want, 1):.1f} times as many requests.{threads}",
    )


def cpu(signals: Signals) -> Advice | None:
    """The CPUs are used up, or the quota is: more workers would only wait for the same CPUs."""
    seen = signals.seen
    if signals.throttled >= THROTTLED and seen.busy >= AT_REST and signals.quota:
        return Advice(
            "cpu",
            f"the quota of {signals.quota:g} CPUs was used up in {signals.throttled:.0%} of its periods, and all "
            f"processes had to wait for the next. More workers will not help. Raise the quota (CPUQuota=, docker "
            f"--cpus, resources.limits.cpu): twice the quota carries about twice as many requests.",
        )
    if not _cpu_is_full(signals) or not _somebody_waits(signals):
        return None
    return Advice(
        "cpu",
        f"the workers used {seen.cpu:.1f} of {seen.cpus:g} CPUs{_queued(signals)}. More workers will not help. More or "
        f"faster CPUs will, in proportion: {seen.rps:.0f} requests/s take "
        f"{seen.cpu / max(seen.rps, 1e-9) * 1000:.1f} ms of CPU each.",
    )


def database(signals: Signals) -> Advice | None:
    """All are busy waiting, and the database's connections that we may open are used up."""
    if not _is_full(signals) or _cpu_is_full(signals) or not _database_is_full(signals):
        return None
    return Advice(
        "database",
        f"all workers were busy for {signals.seen.busy:.0%} of the time, {signals.waiting_share:.0%} of it waiting, "
        f"and {signals.database} of {signals.database_limit} database connections (--database-connections) are open. "
        "More workers would be refused by the database. Make its slowest queries faster, or put a pooler (pgbouncer) "
        "in front of it and raise --database-connections.",
    )


def memory(signals: Signals) -> Advice | None:
    """No room for one more worker where one is needed, or hardly any left at all."""
    limit, room, each = signals.memory_limit, signals.memory_room, signals.worker_octets
    if not limit or not each:
        return None
    used, want = 1 - room / limit, signals.seen.want
    fewer = f" or lower --workers to {want - 1}" if want > 1 else ""
    if used >= MEMORY_FULL:
        return Advice(
            "memory",
            f"{used:.0%} of {mib(limit)} ({signals.memory_source}) are used, and a worker takes {mib(each)}: "
            f"a reload, which needs room for one more, may have one killed. Raise the limit{fewer}; "
            "--preload shares what the application imports.",
        )
    if _is_full(signals) and not _cpu_is_full(signals) and signals.idle_cpus >= IDLE_CPUS and _affordable(signals) < 1:
        needed = (1 + signals.surge) * each - room
        return Advice(
            "memory",
            f"all workers are busy{_queued(signals)}, and {mib(room)} are left for one more, which takes "
            f"{mib(each)}, and as much for a reload. Raise the limit by {mib(needed)} to get one more worker; "
            "--preload shares what the application imports, --threads serves more with the same.",
        )
    return None


def backlog(signals: Signals) -> Advice | None:
    """An accept queue was full: who came then was made to try again, seconds later, or was refused."""
    for listener in signals.seen.listeners:
        if listener.limit and listener.peak is not None and listener.peak >= listener.limit:
            return Advice(
                "backlog",
                f"the accept queue of {listener.url} was full within the last minute ({listener.peak} of "
                f"{listener.limit}): clients had to try again, or were refused. Raise --backlog, and with it sysctl "
                "net.core.somaxconn, which bounds it; what keeps the queue long is another advice's matter.",
            )
    return None


def threads(signals: Signals) -> Advice | None:
    """The threads of a worker wait for each other (the GIL), while CPUs are idle."""
    if signals.one_at_a_time or signals.idle_cpus < IDLE_CPUS:
        return None
    bound = [worker for worker in signals.ready if worker.cpu >= CPU_FULL]
    if not bound or len(bound) < len(signals.ready):
        return None
    wait_s = max(max(worker.gil_wait_s, worker.loop_lag_s) for worker in bound)
    if wait_s < GIL_WAIT_S:
        return None
    more = max(1, math.floor(signals.idle_cpus))
    return Advice(
        "threads",
        f"each worker uses a whole CPU, which is all that one interpreter can; its threads wait {wait_s * 1000:.0f} ms "
        f"for each other, and {signals.idle_cpus:.1f} CPUs are idle. Raise --workers to {signals.seen.want + more}: "
        f"about {(signals.seen.want + more) / max(signals.seen.want, 1):.1f} times as many requests. More threads "
        "would not help.",
    )


def files(signals: Signals) -> Advice | None:
    """A worker is about to run out of descriptors: then it can accept nobody."""
    limit = signals.files_limit
    if not limit or signals.files < FILES_FULL * limit:
        return None
    return Advice(
        "files",
        f"a worker has {signals.files} of {limit} descriptors open. At the limit it cannot accept connections or open "
        f"files. Raise it (LimitNOFILE=, ulimit -n, docker --ulimit nofile) to {2 * limit}, or lower "
        "--worker-connections.",
    )


def leak(signals: Signals) -> Advice | None:
    """A worker's memory grows with its requests, and reaches the limit within a day."""
    found = max(signals.growths, key=lambda growth: growth.octets_per_request, default=None)
    if found is None or found.octets_per_request <= 0 or found.rps <= 0 or not signals.memory_limit:
        return None
    hours = _hours_to_limit(signals, found)
    if found.grown < LEAST_GROWTH * signals.worker_octets or hours > LEAK_HOURS:
        return None
    each = signals.worker_octets
    return Advice(
        "leak",
        f"the worker with pid {found.pid} grows by {mib(round(found.octets_per_request * 1000))} per 1,000 requests "
        f"(by {mib(found.grown)} in {found.requests}). At this rate the memory limit is reached in {_duration(hours)}. "
        f"Find what keeps the objects; until then --max-worker-memory {math.ceil(1.5 * each / 2**20)}M replaces a "
        "worker before, without a lost request.",
    )


def slow_clients(signals: Signals) -> Advice | None:
    """Connections are used up, though the application has little to do: clients hold them."""
    held = [worker.connections for worker in signals.ready]
    if not held or min(held) < CONNECTIONS_FULL * signals.connections_limit or signals.seen.busy >= AT_REST:
        return None
    return Advice(
        "slow_clients",
        f"the workers hold {sum(held)} connections, at most {signals.connections_limit} each, but were busy for only "
        f"{signals.seen.busy:.0%} of the time: slow or idle clients hold them. Put nginx or Caddy in front, which "
        "is made for that; or lower --keep-alive, or raise --worker-connections and the limit of open files.",
    )


def oversized(signals: Signals) -> Advice | None:
    """No more than a part of the workers was ever needed."""
    want = signals.seen.want
    if signals.most_busy is None or want < 2:
        return None
    needed = max(1, math.ceil(signals.most_busy / AT_REST / signals.seen.threads))
    if needed >= want or not signals.worker_octets:
        return None
    return Advice(
        "oversized",
        f"for {_duration(signals.watched_s / 3600)} at most {signals.most_busy:.1f} requests were served at once. "
        f"--workers {needed} would do, at most half busy, and give back about "
        f"{mib((want - needed) * signals.worker_octets)}.",
    )


RULES: tuple[Callable[[Signals], Advice | None], ...] = (
    workers, cpu, database, memory, backlog, threads, files, leak, slow_clients, oversized,
)  # fmt: skip


def advise(signals: Signals) -> tuple[Advice, ...]:
    """What every rule says, in the order of RULES. Nothing while the server starts, drains or ends."""
    if signals.seen.mode != "serving" or not signals.ready:
        return ()
    return tuple(found for rule in RULES if (found := rule(signals)) is not None)


# -- what several rules look at ----------------------------------------------------------------------------------------


def _somebody_waits(signals: Signals) -> bool:
    return signals.waiting > 0 or signals.seen.queue.p95_s >= WAITED_S


def _is_full(signals: Signals) -> bool:
    return signals.seen.busy >= BUSY and _somebody_waits(signals)


def _cpu_is_full(signals: Signals) -> bool:
    return signals.seen.cpu >= CPU_FULL * signals.seen.cpus or signals.throttled >= THROTTLED


def _database_is_full(signals: Signals) -> bool:
    limit = signals.database_limit
    return bool(limit) and signals.database is not None and signals.database >= DATABASE_FULL * limit


def _affordable(signals: Signals) -> int:
    """How many workers more find CPU and memory; a reload needs room for `surge` besides."""
    per_worker = max(signals.seen.cpu / max(len(signals.ready), 1), 0.05)
    more = max(1, math.floor(signals.idle_cpus / per_worker))
    if signals.worker_octets and signals.memory_limit:
        more = min(more, signals.memory_room // signals.worker_octets - signals.surge)
    return min(more, max(signals.seen.want, 1))  # twice as many are enough for one step


def _queued(signals: Signals) -> str:
    waited = f" and requests waited {signals.seen.queue.p95_s * 1000:.0f} ms (p95)" if signals.seen.queue.p95_s else ""
    return f", {signals.waiting} connection(s) wait in the accept queue{waited}" if signals.waiting else waited


def _hours_to_limit(signals: Signals, growth: Growth) -> float:
    """All workers get their share of the requests, and grow alike."""
    per_hour = growth.octets_per_request * signals.seen.rps * 3600
    return signals.memory_room / per_hour if per_hour > 0 else math.inf


def _duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.1f} hours"
    return f"{hours * 60:.0f} minutes" if hours * 60 >= 1 else f"{hours * 3600:.0f} seconds"
