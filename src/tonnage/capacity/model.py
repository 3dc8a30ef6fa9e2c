"""How many workers a machine carries: every limit says how many, the smallest answer binds.

Pure: figures in, figures out. Who measured them is `facts` (what there is) and `footprint` (what a worker takes).

Whatever workers use up is a `Limit`; the CPU is a term of its own, the one that is rounded up: a fraction of a CPU
needs a worker of its own to be used.

The shape is the bottleneck law: the resource that is used up first decides, whatever the others could carry (P. J.
Denning, J. P. Buzen, The Operational Analysis of Queueing Network Models, ACM Computing Surveys 10:3, 1978). That the
answer names what bound it is Heroku's idea (buildpack-python, WEB_CONCURRENCY.sh); that rejected answers do, Netflix's
(service-capacity-modeling).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tonnage.capacity.limit import Limit, Term, mib

CPU_TARGET = 95
"""Percent of the CPU that workers may be able to burn; the rest is for supervisor, proxy and kernel threads. It keeps
a sliver of a CPU from asking for a worker of its own."""

MEMORY_RESERVE = 10
"""Percent of the memory limit that stay free: room for a replacement to load, and for what was not measured. The same
tenth that `max_total_memory` leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What workers take. Octets are proportional shares (PSS), so that shared pages count once."""

    cpu: float  # how many CPUs one worker can burn: laws.burn(); at most 1 under the GIL
    first_octets: int  # of the first worker, warm
    further_octets: int  # of each further one
    growth_octets: int = 0  # of each, over its life: growth per request x requests until it is recycled
    server_octets: int = 0  # supervisor and zygote
    files: int = 2  # that the supervisor holds open for each worker
    tasks: int = 2  # processes and threads of each worker
    surge: int = 1  # how many more than wanted live during a reload: --reload-surge


@dataclass(frozen=True, slots=True)
class Database:
    """A server of databases: how many connections it allows, and how many we would open."""

    what: str  # as an operator calls the limit
    limit: int | None  # None: not known
    taken: int  # kept for superusers, and held by other clients
    each: int  # of a worker
    replicas: int = 1  # servers like this one that use it, also while they are being replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What there is. None: no limit is known."""

    cpus: float  # usable, fractions included
    cpu_target: int = CPU_TARGET
    memory: int | None = None  # the limit, in octets
    memory_reserve: int = MEMORY_RESERVE
    memory_taken: int = 0  # by others under the same limit, tmpfs included
    databases: tuple[Database, ...] = ()
    files: int | None = None  # RLIMIT_NOFILE, of the supervisor: each process has its own
    files_taken: int = 0
    tasks: int | None = None  # pids.max or RLIMIT_NPROC
    tasks_taken: int = 0


@dataclass(frozen=True, slots=True)
class Solution:
    workers: int  # 0: not even one fits
    terms: tuple[Term, ...]  # all of them, one for each database

    @property
    def binding(self) -> Term:
        """The first of the smallest."""
        return self._by_size[0]

    @property
    def runner_up(self) -> Term | None:
        """What would bind next; as small as the binding one when two bind together."""
        return self._by_size[1] if len(self._by_size) > 1 else None

    @property
    def raises(self) -> tuple[Term, ...]:
        """All that must be raised, each by its `raise_by`, to get one more worker: the binding term and its equals."""
        return tuple(term for term in self._by_size if term.workers == self.workers)

    @property
    def _by_size(self) -> list[Term]:
        return sorted((term for term in self.terms if term.workers is not None), key=lambda term: term.workers or 0)


NO_DATABASE = Database("max_connections of the database", None, 0, each=0)


def solve(needs: Needs, caps: Caps) -> Solution:
    terms = tuple(_terms(needs, caps))
    return Solution(min(term.workers for term in terms if term.workers is not None), terms)


def _terms(needs: Needs, caps: Caps) -> Iterator[Term]:
    yield _cpu(needs, caps)
    yield _memory(needs, caps).term
    for database in caps.databases or (NO_DATABASE,):
        yield _connections(needs, database).term
    yield _files(needs, caps).term
    yield _tasks(needs, caps).term


def _cpu(needs: Needs, caps: Caps) -> Term:
    """W = ceil(C_eff * u / rho): enough workers to burn what there is; more would only wait for each other."""
    thousandths, burnt = round(caps.cpus * 1000), max(1, round(needs.cpu * 1000))
    usable, each = thousandths * caps.cpu_target, burnt * 100  # both in hundred-thousandths
    workers = max(1, -(-usable // each))
    return Term(
        "cpu",
        "CPUs",
        workers,
        "ceil(usable CPUs x target / CPUs that one worker can burn)",
        f"ceil({caps.cpus:g} x {caps.cpu_target} % / {needs.cpu:.3g})",
        "utilisation law, U = X D: Denning and Buzen 1978",
        workers * each // caps.cpu_target + 1 - thousandths,
        "CPU/1000",
    )


def _memory(needs: Needs, caps: Caps) -> Limit:
    return Limit(
        name="memory",
        what="memory limit",
        cap=caps.memory,
        percent=100 - caps.memory_reserve,
        fixed={
            "others": caps.memory_taken,
            "server": needs.server_octets,
            "first's extra": max(0, needs.first_octets - needs.further_octets),
        },
        each={"further worker": needs.further_octets, "growth": needs.growth_octets},
        spare={"surge": needs.surge},
        source="PSS: proc_pid_smaps_rollup(5); surge: a reload starts a worker before one leaves",
        unit="octets",
        write=mib,
    )


def _connections(needs: Needs, database: Database) -> Limit:
    """All replicas reload at once. A worker that has just left counts until the database has ended its connections."""
    return Limit(
        name="connections",
        what=database.what,
        cap=database.limit if database.each else None,
        cap_name="max_connections",
        fixed={"reserved": database.taken},
        each={"connections of a worker": database.each},
        replicas=database.replicas,
        spare={"surge": needs.surge, "1 leaving": 1},
        source="PostgreSQL: runtime-config-connection; MySQL: server-system-variables; surge as for memory",
        unit="connections",
        unknown="the database's limit is not known" if database.each else "no database connections are known of",
    )


def _files(needs: Needs, caps: Caps) -> Limit:
    """The limit is each process's own, so what bounds the number of workers is what the supervisor holds for each."""
    return Limit(
        name="files",
        what="open files of the supervisor (RLIMIT_NOFILE)",
        cap=caps.files,
        fixed={"open already": caps.files_taken},
        each={"descriptors of the supervisor for a worker": needs.files},
        spare={"surge": needs.surge},
        source="getrlimit(2): a limit per process",
        unit="files",
    )


def _tasks(needs: Needs, caps: Caps) -> Limit:
    return Limit(
        name="tasks",
        what="processes and threads (pids.max, RLIMIT_NPROC)",
        cap=caps.tasks,
        fixed={"running already": caps.tasks_taken},
        each={"processes and threads of a worker": needs.tasks},
        spare={"surge": needs.surge},
        source="cgroup-v2.rst, PID; getrlimit(2)",
        unit="tasks",
    )


def connections_per_worker(files: int, taken: int, files_each: float = 1.0) -> int:
    """How many client connections one worker can hold open: W_fd's other half, for `worker_connections`."""
    return max(0, int((files - taken) / files_each))
