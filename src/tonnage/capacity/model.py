"""How many workers a machine carries: every limit says how many, the smallest answer binds.

Pure: figures in, figures out. Who measured them is `facts` (what there is) and `footprint` (what a worker takes).

Each limit is one line `fixed + each * (workers + surge) <= usable(cap)`, in whole units (octets, connections,
descriptors, tasks, thousandths of a CPU), so that "raise X by Y to get one more worker" is exact. The CPU is the one
limit that is rounded up: a fraction of a CPU needs a worker of its own to be used.

The shape is the bottleneck law: the resource that is used up first decides, whatever the others could carry (P. J.
Denning, J. P. Buzen, The Operational Analysis of Queueing Network Models, ACM Computing Surveys 10:3, 1978). That the
answer names what bound it is Heroku's idea (buildpack-python, WEB_CONCURRENCY.sh); that rejected answers do, Netflix's
(service-capacity-modeling).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
    connections: int = 0  # to the database, of each worker
    files: int = 2  # that the supervisor holds open for each worker
    tasks: int = 2  # processes and threads of each worker
    surge: int = 1  # how many more than wanted live during a reload: --reload-surge


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What there is. None: no limit is known."""

    cpus: float  # usable, fractions included
    cpu_target: int = CPU_TARGET
    memory: int | None = None  # the limit, in octets
    memory_reserve: int = MEMORY_RESERVE
    memory_taken: int = 0  # by others under the same limit, tmpfs included
    connections: int | None = None  # max_connections of the database
    connections_reserved: int = 0  # for superusers, and taken by other clients
    replicas: int = 1  # servers like this one on the same database, also while they are being replaced
    files: int | None = None  # RLIMIT_NOFILE, of the supervisor: each process has its own
    files_taken: int = 0
    tasks: int | None = None  # pids.max or RLIMIT_NPROC
    tasks_taken: int = 0


@dataclass(frozen=True, slots=True)
class Term:
    """One limit, and what it allows."""

    name: str  # cpu, memory, connections, files, tasks
    what: str  # as an operator calls the limit
    workers: int | None  # None: this limits nothing
    formula: str
    figures: str  # the formula with its numbers
    source: str
    raise_by: int = 0  # in `unit`, to get exactly one more worker out of this term
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Solution:
    workers: int  # 0: not even one fits
    terms: tuple[Term, ...]  # all of them, in the order of Caps

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


@dataclass(frozen=True, slots=True)
class Line:
    """fixed + each * (workers + surge) <= cap * percent / 100, all whole numbers."""

    cap: int
    fixed: int
    each: int
    surge: int
    percent: int = 100

    @property
    def usable(self) -> int:
        return self.cap * self.percent // 100

    @property
    def workers(self) -> int:
        return max(0, (self.usable - self.fixed) // self.each - self.surge)

    @property
    def missing(self) -> int:
        """How much the cap must grow for exactly one worker more."""
        needed = self.fixed + self.each * (self.workers + 1 + self.surge)
        return -(-needed * 100 // self.percent) - self.cap


def solve(needs: Needs, caps: Caps) -> Solution:
    terms = tuple(_terms(needs, caps))
    return Solution(min(term.workers for term in terms if term.workers is not None), terms)


def _terms(needs: Needs, caps: Caps) -> Iterator[Term]:
    yield _cpu(needs, caps)
    yield _memory(needs, caps)
    yield _connections(needs, caps)
    yield _files(needs, caps)
    yield _tasks(needs, caps)


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


def _memory(needs: Needs, caps: Caps) -> Term:
    """W = floor((M (1 - reserve) - others - server - (first - further)) / (further + growth)) - surge."""
    what, source = "memory limit", "PSS: proc_pid_smaps_rollup(5); surge: a reload starts a worker before one leaves"
    formula = "floor((limit x (1 - reserve) - others - server - first's extra) / (further worker + growth)) - surge"
    each = max(1, needs.further_octets + needs.growth_octets)
    extra = max(0, needs.first_octets - needs.further_octets)
    if caps.memory is None:
        return Term("memory", what, None, formula, "no limit is known", source)
    fixed = caps.memory_taken + needs.server_octets + extra
    line = Line(caps.memory, fixed, each, needs.surge, 100 - caps.memory_reserve)
    figures = (
        f"floor(({mib(caps.memory)} x {100 - caps.memory_reserve} % - {mib(caps.memory_taken)}"
        f" - {mib(needs.server_octets)} - {mib(extra)}) / ({mib(needs.further_octets)} + {mib(needs.growth_octets)}))"
        f" - {needs.surge}"
    )
    return Term("memory", what, line.workers, formula, figures, source, line.missing, "octets")


def _connections(needs: Needs, caps: Caps) -> Term:
    """W = floor((max_connections - reserved) / (replicas * of one worker)) - surge - 1, all replicas reloading at once.

    The last one is for a worker that has just left: its connections count until the database has ended them.
    """
    what, source = "max_connections of the database", "PostgreSQL: runtime-config-connection; surge as for memory"
    formula = "floor((max_connections - reserved) / (replicas x connections of a worker)) - surge - 1 leaving"
    if caps.connections is None or not needs.connections:
        why = "the database's limit is not known" if needs.connections else "no database connections are known of"
        return Term("connections", what, None, formula, why, source)
    line = Line(caps.connections, caps.connections_reserved, needs.connections * caps.replicas, needs.surge + 1)
    figures = (
        f"floor(({caps.connections} - {caps.connections_reserved}) / ({caps.replicas} x {needs.connections}))"
        f" - {needs.surge} - 1"
    )
    return Term("connections", what, line.workers, formula, figures, source, line.missing, "connections")


def _files(needs: Needs, caps: Caps) -> Term:
    """The limit is each process's own, so what bounds the number of workers is what the supervisor holds for each."""
    what, source = "open files of the supervisor (RLIMIT_NOFILE)", "getrlimit(2): a limit per process"
    formula = "floor((limit - open already) / descriptors of the supervisor for a worker) - surge"
    if caps.files is None:
        return Term("files", what, None, formula, "no limit is known", source)
    line = Line(caps.files, caps.files_taken, needs.files, needs.surge)
    figures = f"floor(({caps.files} - {caps.files_taken}) / {needs.files}) - {needs.surge}"
    return Term("files", what, line.workers, formula, figures, source, line.missing, "files")


def _tasks(needs: Needs, caps: Caps) -> Term:
    what, source = "processes and threads (pids.max, RLIMIT_NPROC)", "cgroup-v2.rst, PID; getrlimit(2)"
    formula = "floor((limit - running already) / (processes and threads of a worker)) - surge"
    if caps.tasks is None:
        return Term("tasks", what, None, formula, "no limit is known", source)
    line = Line(caps.tasks, caps.tasks_taken, needs.tasks, needs.surge)
    figures = f"floor(({caps.tasks} - {caps.tasks_taken}) / {needs.tasks}) - {needs.surge}"
    return Term("tasks", what, line.workers, formula, figures, source, line.missing, "tasks")


def connections_per_worker(files: int, taken: int, files_each: float = 1.0) -> int:
    """How many client connections one worker can hold open: W_fd's other half, for `worker_connections`."""
    return max(0, int((files - taken) / files_each))


def mib(octets: int) -> str:
    return f"{octets / (1 << 20):.1f} MiB"
