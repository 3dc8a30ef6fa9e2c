"""A plan in words: every term, what binds, what would bind next, what one more worker takes. And the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from tonnage.capacity.footprint import Footprint
from tonnage.capacity.limit import Term, mib
from tonnage.capacity.model import Solution
from tonnage.capacity.planner import Plan, slots

BINDS, NEXT = "binds", "next"
REDIRECTS = (
    "All of that is for redirects only: nothing that was asked for is a page. Name pages that answer for themselves "
    "with --paths."
)


def lines(plan: Plan) -> Iterator[str]:
    yield from _request(plan)
    yield ""
    yield from (f"{reason}." for reason in plan.reasons)
    yield f"One such worker can burn {plan.choice.burn:.2f} CPU (the GIL lets one thread compute at a time)."
    yield ""
    yield from table(plan.choice.solution)
    yield ""
    yield verdict(plan)
    yield one_more(plan.choice.solution)
    yield ""
    yield from _capacity(plan)
    yield from _otherwise(plan)
    if plan.budgets or plan.notes:
        yield ""
    yield from (f"Database: {_budget(plan, index)}." for index in range(len(plan.budgets)))
    yield from (f"Note: {note}." for note in plan.notes)


def _request(plan: Plan) -> Iterator[str]:
    seen = plan.footprint
    weight = seen.weight(preload=plan.wishes.preload)
    paths = ", ".join(seen.paths[:3]) + (f" and {len(seen.paths) - 3} more" if len(seen.paths) > 3 else "")
    yield f"{plan.app}, measured over {seen.requests} requests of {paths}:"
    yield (
        f"  a request takes {_ms(seen.service_s_per_request)}, of which {_ms(seen.cpu_s_per_request)} are CPU and "
        f"{seen.waiting_share:.0%} waiting"
    )
    how = "with --preload" if plan.wishes.preload and seen.preloaded is not None else "without --preload"
    yield (
        f"  {how} the first worker takes {mib(weight.first_octets)} (PSS), each further one "
        f"{mib(weight.further_octets)}, the server itself {mib(weight.base_octets)}"
    )


def table(solution: Solution) -> Iterator[str]:
    """Each limit, what it carries, and the formula with its numbers."""
    for term in solution.terms:
        carried = "-" if term.workers is None else str(term.workers)
        yield f"  {term.name:<12} {carried:>6}  {mark(solution, term):<6}  {term.figures}"
        if term.workers is not None:
            yield f"  {'':<28}  = {term.formula} [{term.source}]"


def mark(solution: Solution, term: Term) -> str:
    if term.workers is not None and term.workers == solution.workers:
        return BINDS
    return NEXT if term is solution.runner_up else ""


def verdict(plan: Plan) -> str:
    chosen, solution = plan.choice, plan.choice.solution
    after = solution.runner_up
    then = f"; next would be the {after.what}, at {after.workers}" if after is not None else ""
    if not solution.workers:
        return f"Not even one worker fits, because of the {solution.binding.what}{then}."
    what = f"workers = {chosen.workers}, worker_class = {chosen.worker_class}, threads = {chosen.threads}"
    return f"{what}: bound by the {solution.binding.what}{then}."


def one_more(solution: Solution) -> str:
    return f"One more worker: {' and '.join(f'raise the {term.what} by {amount(term)}' for term in solution.raises)}."


def amount(term: Term) -> str:
    if term.unit == "CPU/1000":
        return f"{term.raise_by / 1000:g}"
    return f"{term.raise_by} octets ({mib(term.raise_by)})" if term.unit == "octets" else f"{term.raise_by}"


def _capacity(plan: Plan) -> Iterator[str]:
    found, wishes = plan.capacity, plan.wishes
    yield (
        f"Capacity: about {rps(found.expected)} requests/s with {slots(plan.choice, wishes)} at once. "
        f"No number of workers gets beyond {rps(found.by_cpu)}: {plan.facts.cpus:g} CPUs / "
        f"{_ms(plan.footprint.cpu_s_per_request)}."
    )
    if plan.footprint.is_of_redirects:
        yield REDIRECTS
    if found.within_p95 is not None and wishes.p95_s is not None:
        limit, spread = _ms(wishes.p95_s), _spread(plan.footprint)
        if found.within_p95:
            yield (
                f"Within p95 <= {limit}: about {rps(found.within_p95)} requests/s; {spread} (waits by Erlang C, "
                "as Allen and Cunneen have it for such times; the p95 of each added)."
            )
        else:
            yield f"Within p95 <= {limit}: none, without any wait; {spread}."
    if wishes.target_rps is not None:
        yield _target(plan, wishes.target_rps)


def _spread(seen: Footprint) -> str:
    if seen.service_p95_s is None:
        return "service times are taken to vary as an exponential"
    return f"of the service times 95 % are within {_ms(seen.service_p95_s)}, as measured one at a time"


def _target(plan: Plan, wanted: float) -> str:
    if plan.reaches_target:
        return f"The target of {rps(wanted)} requests/s is carried."
    cpus = wanted * plan.footprint.cpu_s_per_request
    missed = f"The target of {rps(wanted)} requests/s is not carried"
    if cpus > plan.facts.cpus:
        here = f"here are {plan.facts.cpus:g}"
        return f"{missed}: it takes {cpus:.2f} CPUs, {here}. --instances aws lists machines that would."
    if plan.choice.workers and plan.capacity.expected >= wanted:
        return f"{missed} within that p95."
    return f"{missed}, because of the {plan.choice.solution.binding.what}."


def _otherwise(plan: Plan) -> Iterator[str]:
    for other in plan.others:
        yield (
            f"If the application is not safe in threads: --worker-class {other.worker_class}, of which "
            f"{other.workers} fit, bound by the {other.solution.binding.what}."
        )


def _budget(plan: Plan, index: int) -> str:
    budget, chosen = plan.budgets[index], plan.choice
    each = budget.per_worker(chosen.threads, is_async=chosen.worker_class == "asgi")
    names = ", ".join(client.name for client in budget.clients)
    known = "of an unknown limit" if budget.limit is None else f"of {budget.limit}"
    taken = f", {budget.reserved} reserved, {budget.taken} taken by others" if budget.limit is not None else ""
    most = each * (chosen.workers + plan.wishes.surge + 1) * plan.wishes.replicas
    return f"{budget.server}: {each} a worker ({names}), at most {most} during a reload, {known}{taken}"


def as_object(plan: Plan) -> dict[str, object]:
    chosen, solution = plan.choice, plan.choice.solution
    return {
        "app": plan.app,
        "settings": {"workers": plan.workers, "worker_class": chosen.worker_class, "threads": chosen.threads},
        "fits": chosen.workers > 0,
        "reasons": list(plan.reasons),
        "burn": chosen.burn,
        "terms": [asdict(term) for term in solution.terms],
        "binding": solution.binding.name,
        "runner_up": solution.runner_up.name if solution.runner_up else None,
        "one_more": [{"raise": term.name, "by": term.raise_by, "unit": term.unit} for term in solution.raises],
        "capacity": asdict(plan.capacity),
        "of_redirects_only": plan.footprint.is_of_redirects,
        "reaches_target": plan.reaches_target,
        "footprint": plan.footprint.as_object(),
        "databases": [budget.as_object() for budget in plan.budgets],
        "notes": list(plan.notes),
    }


def rps(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
