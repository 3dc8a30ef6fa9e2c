"""What was promised, held against what was measured. Nobody writes a verdict by hand."""

from collections.abc import Iterator
from dataclasses import dataclass

from .cases import ASGI, CPU, P99, PER_CONNECTION, PSS_1, PSS_4, Case, Interface, Kind, Metric
from .peers import PEERS
from .results import Results, Spread

OURS = "tonnage sync"
OURS_ASGI = "tonnage asgi"
LOGGING = "tonnage sync, logging"
CEILING = "nginx"


@dataclass(frozen=True, slots=True)
class Verdict:
    promise: str
    found: str
    met: bool | None  # None: not measured

    @property
    def word(self) -> str:
        return "not measured" if self.met is None else "met" if self.met else "**not met**"


def verdicts(results: Results) -> Iterator[Verdict]:
    others = [peer for peer in PEERS if peer.package != "tonnage" and peer.name != CEILING]
    rivals = [peer.name for peer in others if peer.interface is Interface.WSGI]
    supervised = [peer.name for peer in PEERS if peer.name in rivals and peer.supervised]
    yield _work(results, "hello", [CEILING], 0.40, "Hello: at least 0.40 of nginx")
    yield _work(results, "hello", supervised, 1.0, "Hello: above every supervised peer", strictly=True)
    yield _work(results, "hello", [OURS], 0.90, "An access log costs less than 10 %", who=LOGGING)
    yield _work(results, "close", ["uWSGI", "uWSGI router"], 1.0, "Hello without keep-alive: at least uWSGI's")
    for case in ("django-hello", "django-orm", "django-template"):
        yield _work(results, case, rivals, 0.97, f"{case}: not below any peer by more than 3 %")
    yield _no_more(results, "mixed", P99, "Slow among fast: p99 of hello not worse than Gunicorn sync's")
    yield _no_more(results, "memory", PSS_1, "Memory of supervisor and 1 worker: not above Gunicorn's")
    yield _no_more(results, "memory", PSS_4, "Memory of supervisor and 4 workers: not above Gunicorn's")
    found = results.figure("idle", OURS, PER_CONNECTION.key)
    promise = "At most 6 KiB for an idle connection"
    yield Verdict(promise, f"{spread(found, 2)} KiB" if found else "", found.median <= 6 if found else None)
    rivals = [peer.name for peer in others if peer.interface is Interface.ASGI]
    yield _work(results, "asgi-hello", rivals, 1.3, "ASGI hello: at least 1.3 times the best peer", who=OURS_ASGI)
    for each in ASGI:
        if each.kind is Kind.IDLE_SOCKETS:
            yield _least_memory(results, each, rivals)
        else:
            promise = f"{each.title}: above every peer"
            yield _work(results, each.name, rivals, 1.0, promise, strictly=True, who=OURS_ASGI)


def ours(case: Case) -> str:
    """Whom the others are compared with."""
    return OURS_ASGI if case.interface is Interface.ASGI else OURS


def _work(
    results: Results,
    case: str,
    rivals: list[str],
    least: float,
    promise: str,
    *,
    strictly: bool = False,
    who: str = OURS,
) -> Verdict:
    """Requests per CPU second, as a multiple of the rival that does best; in pairs of one round."""
    ratios = {rival: results.ratio(case, rival, who, CPU.key) for rival in rivals}
    untried = [rival for rival in rivals if not results.has(case, rival)]
    unable = [rival for rival, ratio in ratios.items() if ratio is None and rival not in untried]
    without = f"; {', '.join(unable)} could not do it" if unable else ""
    without += f"; {', '.join(untried)} not tried" if untried else ""
    best, nearest = min(
        ((rival, ratio) for rival, ratio in ratios.items() if ratio),
        key=lambda pair: pair[1].median,
        default=("", None),
    )
    if nearest is None:
        return Verdict(promise, "", None)
    met = nearest.median > least if strictly else nearest.median >= least
    return Verdict(promise, f"{spread(nearest, 2)} of {best}{without}", None if met and untried else met)


def _no_more(results: Results, case: str, metric: Metric, promise: str) -> Verdict:
    ours, theirs = (results.figure(case, peer, metric.key) for peer in (OURS, "gunicorn sync"))
    if ours is None or theirs is None:
        return Verdict(promise, "", None)
    found = f"{spread(ours, metric.digits)} against {spread(theirs, metric.digits)} {metric.heading}"
    return Verdict(promise, found, ours.median <= theirs.median)


def _least_memory(results: Results, case: Case, rivals: list[str]) -> Verdict:
    promise = f"{case.title}: less memory than every peer"
    found = results.figure(case.name, OURS_ASGI, PER_CONNECTION.key)
    theirs = {name: figure for name in rivals if (figure := results.figure(case.name, name, PER_CONNECTION.key))}
    if found is None or not theirs:
        return Verdict(promise, "", None)
    best = min(theirs, key=lambda name: theirs[name].median)
    told = f"{spread(found, 2)} KiB against {spread(theirs[best], 2)} of {best}"
    return Verdict(promise, told, found.median < theirs[best].median)


def spread(found: Spread, digits: int) -> str:
    median, low, high = (f"{value:,.{digits}f}" for value in (found.median, found.low, found.high))
    return median if low == high == median else f"{median} ({low} to {high})"
