"""`workers = auto`: how many, from what the machine allows and what the first worker takes; and why, for the log.

The quick form of `tonnage plan`: memory is measured on the first worker, when it is ready; how long requests wait for
others (the database, the network) cannot be known before there were any, so the CPU's term goes by a rule:

- one request at a time (sync): 2 x CPUs + 1, Gunicorn's rule (docs.gunicorn.org, design, "How Many Workers?"; Heroku's
  buildpack has the same, and min() with the memory). For each CPU one worker that computes and one that waits, and one
  over, so that a single long request never holds everybody.
- several at a time (gthread, asgi): while one waits the same worker goes on with another, so that each can burn a whole
  CPU, which is the most that one interpreter can (the GIL): as many as CPUs.

Pure but for `gathering`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tonnage.capacity.facts import Facts, gather
from tonnage.capacity.limit import Term, mib
from tonnage.capacity.model import Caps, Needs, Solution, solve
from tonnage.supervisor.settings import Size, Sizing, Warm

RULE = "assumed, as Gunicorn and Heroku do: a request waits for half of its time"
NAMES = {"cpu": "CPU", "memory": "memory", "connections": "database connections", "files": "files", "tasks": "tasks"}
SHOWN = ("cpu", "memory")  # the others, where one of them binds or would be next
HOW = "  --workers N (WEB_CONCURRENCY) sets another number; --min-workers and --max-workers bound this one."


@dataclass(frozen=True, slots=True)
class Wish:
    """What the settings say."""

    worker_class: str
    threads: int
    min_workers: int = 1
    max_workers: int = 0  # 0: no bound
    surge: int = 1

    @property
    def one_at_a_time(self) -> bool:
        return self.worker_class == "sync" or (self.worker_class == "gthread" and self.threads == 1)


def gathering(wish: Wish, *, backlog: int, uid: int | None) -> Size:
    """Looks at the machine when it is called: what others take of it is known then."""

    def size(warm: Warm) -> Sizing:
        return choose(gather(backlog=backlog, uid=uid, ours=warm.all), warm, wish)

    return size


def most_useful(cpus: float, wish: Wish) -> int:
    """No answer of `choose` is above that: it is what the CPU's term says."""
    useful = math.ceil(2 * cpus) + 1 if wish.one_at_a_time else math.ceil(cpus)
    return max(wish.min_workers, min(useful, wish.max_workers or useful))


def choose(facts: Facts, warm: Warm, wish: Wish) -> Sizing:
    if warm.is_asgi:
        wish = replace(wish, worker_class="asgi")
    found = solve(_needs(warm, wish), _caps(facts, warm))
    if wish.one_at_a_time:
        terms = tuple(_rule(facts.cpus) if term.name == "cpu" else term for term in found.terms)
        found = Solution(min(term.workers for term in terms if term.workers is not None), terms)
    carried = max(1, found.workers)
    workers = max(wish.min_workers, min(carried, wish.max_workers or carried))
    lines = tuple(_lines(found, workers, facts, warm))
    return Sizing(workers, lines, is_tight=workers > found.workers)


def _needs(warm: Warm, wish: Wish) -> Needs:
    return Needs(
        cpu=1.0,
        first_octets=warm.first or 0,
        further_octets=warm.further or warm.first or 0,
        server_octets=warm.server,
        tasks=2 + (0 if wish.one_at_a_time else wish.threads),  # itself, its watchdog, its pool
        surge=wish.surge,
    )


def _caps(facts: Facts, warm: Warm) -> Caps:
    memory, tasks = facts.memory.binding, facts.tasks.binding
    known = memory is not None and warm.first is not None
    return Caps(
        cpus=facts.cpus,
        memory=int(memory.limit) if memory is not None and known else None,
        memory_taken=int(memory.used) if memory is not None and known else 0,
        files=facts.nofile_soft.value,
        tasks=int(tasks.limit) if tasks is not None else None,
        tasks_taken=int(tasks.used) if tasks is not None else 0,
    )


def _rule(cpus: float) -> Term:
    """W = 2 C + 1; each half of a CPU is one more."""
    workers = math.ceil(round(2 * cpus, 3)) + 1
    missing = workers * 500 - round(cpus * 1000)
    return Term("cpu", "CPUs", workers, "ceil(2 x CPUs) + 1", f"ceil(2 x {cpus:g}) + 1", RULE, missing, "CPU/1000")


def _lines(found: Solution, workers: int, facts: Facts, warm: Warm) -> Iterator[str]:
    yield f"{workers} worker{'s' * (workers != 1)} (workers = auto): {_because(found, workers)}."
    for term in found.terms:
        if term.workers is not None and (term.name in SHOWN or term in (found.binding, found.runner_up)):
            yield f"  {NAMES[term.name]}: {term.workers} = {term.figures}; {_origin(term, facts, warm)}."
    if warm.first is None:
        yield "  memory is not counted: the kernel does not show what a worker takes (smaps_rollup, CAP_SYS_PTRACE)."
    if workers == found.workers:
        yield f"  One more needs {' and '.join(_raised(term) for term in found.raises)}."
    yield HOW


def _because(found: Solution, workers: int) -> str:
    binding, after = found.binding, found.runner_up
    name = NAMES[binding.name]
    if found.workers == 0 and workers == 1:
        return f"{name} does not carry one and, during a reload, its replacement"
    if workers > found.workers:
        return f"the fewest that --min-workers allows, and {name} carries {found.workers}"
    if workers < found.workers:
        return f"the most that --max-workers allows; {name} would carry {found.workers}"
    return f"bound by {name}" + (f", next by {NAMES[after.name]} at {after.workers}" if after is not None else "")


def _origin(term: Term, facts: Facts, warm: Warm) -> str:
    if term.name == "cpu":
        limit = facts.cpu.terms[0]
        rule = term.source if term.source == RULE else "a worker that has several requests can burn one CPU (the GIL)"
        return f"{limit.name}, {limit.source}; {rule}"
    if term.name == "memory" and facts.memory.binding is not None:
        limit = facts.memory.binding
        takes = mib(warm.further or warm.first or 0)
        parent = "zygote" if warm.preload else "supervisor"
        shared = f", if it writes to 30 % of what it shares with the {parent}" if warm.further is not None else ""
        return f"{limit.name}, {limit.source}; a worker takes {takes}{shared}"
    return term.what


def _raised(term: Term) -> str:
    if term.unit == "CPU/1000":
        return f"{term.raise_by / 1000:g} CPUs more"
    return f"{mib(term.raise_by)} more memory" if term.unit == "octets" else f"{term.raise_by} more {term.unit}"
