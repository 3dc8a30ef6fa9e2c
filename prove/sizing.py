"""`python -m prove.sizing`: is what `tonnage plan` chooses as good as the best that can be found by trying everything?

Applications with a known CPU and waiting time are measured and planned for by the real commands; then every worker
class, number of threads and number of workers of a grid is served and loaded in a closed loop, once. The best of these
and the plan stand beside each other and are loaded in turn, round after round: what is compared are the ratios within a
round. The application burns CPU time, not loops, so that the machine's pace hardly matters; what other work takes of
the CPUs does, and is therefore kept small (a control group of its own, with all the weight there is), and told.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from . import machine
from .cells import NoCellError, favoured
from .contest import CPUS, TONNAGE, Arena, Way, served
from .load import ROOT
from .stage import LONG

PAGE = ROOT / "docs" / "explanation" / "sizing-measured.md"
TEMPLATE = Path(__file__).with_name("sizing.md")
ENOUGH = 0.9  # of the best throughput
NOISE = 0.05  # of the CPUs, taken by others while the finalists ran: more, and it is said

APP = """
import time

def application(environ, start_response):
    until = time.thread_time() + {cpu_s}
    while time.thread_time() < until:
        pass
    if {wait_s}:
        time.sleep({wait_s})
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\\n"]
"""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    cpu_s: float
    wait_s: float


CASES = (Case("5 % CPU", 0.004, 0.076), Case("50 % CPU", 0.004, 0.004), Case("100 % CPU", 0.004, 0.0))


@dataclass(frozen=True, slots=True)
class Pace:
    threads: tuple[int, ...]
    workers: tuple[int, ...]
    look_s: int  # of each in the grid
    rounds: int
    round_s: int  # of each finalist
    finalists: int  # beside the plan


PACES = {
    "long": Pace((1, 2, 4, 8, 16), (1, 2, 3, 4, 8, 16), 1, 5, 2, 3),
    "quick": Pace((1, 2, 8, 16), (1, 2, 4, 8), 1, 3, 1, 2),
}
MOST_AT_ONCE = 64  # of workers x threads
CLIENTS = 2 * MOST_AT_ONCE  # the same crowd for all, of which some wait everywhere


@dataclass(slots=True)
class Found:
    case: Case
    plan: Way
    told: dict[str, object]
    tried: dict[Way, float] = field(default_factory=dict)  # requests a second, once
    rounds: dict[Way, list[float]] = field(default_factory=dict)  # of the finalists
    client: float = 0.0  # share of the CPUs that the client took in the rounds
    others: float = 0.0  # and all but server and client

    def against_plan(self, way: Way) -> float:
        """The median of the ratios within a round."""
        return median(mine / plan for mine, plan in zip(self.rounds[way], self.rounds[self.plan], strict=True))

    @property
    def best(self) -> Way:
        return max(self.rounds, key=self.against_plan)

    @property
    def share(self) -> float:
        return 1 / self.against_plan(self.best)


def main() -> int:
    parser = argparse.ArgumentParser("python -m prove.sizing", description="The plan beside every other way to serve.")
    parser.add_argument("--quick", action="store_true", help="a small grid, and no page")
    parser.add_argument("--case", choices=[case.name.split()[0] for case in CASES], help="percent; no page")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk makes the load; remedy: apt-get install wrk")
    pace = PACES["quick" if options.quick else "long"]
    cases = [case for case in CASES if options.case in (None, case.name.split()[0])]
    with ExitStack() as stack:
        arena = Arena(list)
        try:
            arena = Arena(stack.enter_context(favoured()).within)
        except NoCellError as exc:
            tell(f"other work on this machine will be in the way: {exc}")
        found = [run(case, pace, arena) for case in cases]
    text = page(found, pace)
    print(text)
    if cases == list(CASES) and not options.quick:
        PAGE.write_text(text)
    return 0 if all(each.share >= ENOUGH for each in found) else 1


def run(case: Case, pace: Pace, arena: Arena) -> Found:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "app.py").write_text(APP.format(cpu_s=case.cpu_s, wait_s=case.wait_s))
        told = planned(directory, arena)
        chosen = told["settings"]
        assert isinstance(chosen, dict)
        found = Found(case, Way(chosen["worker_class"], chosen["threads"], chosen["workers"]), told)
        tell(f"{case.name}: the plan is {found.plan}")
        try_all(found, pace, directory, arena)
        compare(found, pace, directory, arena)
        tell(f"  the plan reaches {found.share:.0%} of the best, {found.best}; others took {found.others:.1%}")
        return found


def planned(directory: Path, arena: Arena) -> dict[str, object]:
    """As a user would, in two steps, so that few requests do: it is always the same one."""

    def said(*words: str) -> str:
        command = arena.within([*TONNAGE, *words, "app", "--json"])
        return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True, timeout=600).stdout

    (directory / "measured.json").write_text(said("footprint", "--requests", "200", "--seconds", "10"))
    told: dict[str, object] = json.loads(said("plan", "--footprint", "measured.json"))
    return told


def try_all(found: Found, pace: Pace, directory: Path, arena: Arena) -> None:
    for threads in pace.threads:
        ways = [Way.of(threads, workers) for workers in pace.workers if workers * threads <= MOST_AT_ONCE]
        with served(ways[-1], directory, arena) as server:
            for way in reversed(ways):
                server.scale(way.workers)
                found.tried[way] = server.load(CLIENTS, pace.look_s).rate
                tell(f"  {found.tried[way]:8.1f}/s  {way}")


def compare(found: Found, pace: Pace, directory: Path, arena: Arena) -> None:
    best = sorted(found.tried, key=lambda way: -found.tried[way])
    finalists = [found.plan, *[way for way in best if way != found.plan][: pace.finalists]]
    found.rounds = {way: [] for way in finalists}
    loads = []
    with ExitStack() as stack:
        servers = {way: stack.enter_context(served(way, directory, arena)) for way in finalists}
        for turn in range(pace.rounds):
            for way in finalists if turn % 2 else reversed(finalists):
                load = servers[way].load(CLIENTS, pace.round_s)
                found.rounds[way].append(load.rate)
                loads.append(load)
    there_was_s = sum(load.lasted_s for load in loads) * len(CPUS)
    found.client = sum(load.client_s for load in loads) / there_was_s
    found.others = sum(load.others_s for load in loads) / there_was_s


# -- the page ----------------------------------------------------------------------------------------------------------


def page(found: Sequence[Found], pace: Pace) -> str:
    about = machine.about(LONG)
    return TEMPLATE.read_text().format(
        **about,
        look=f"{pace.look_s:g}",
        seconds=f"{pace.round_s:g}",
        rounds=pace.rounds,
        at_once=MOST_AT_ONCE,
        clients=CLIENTS,
        cpus=len(CPUS),
        client=f"{max(each.client for each in found):.1%}",
        verdict="Kept, in every case." if all(each.share >= ENOUGH for each in found) else "Not kept in every case.",
        noise=_noise(found),
        summary="\n".join(map(_row, found)),
        finals="\n".join(row for each in found for row in _finals(each)),
        tried="\n\n".join(map(_tried, found)),
    )


def _noise(found: Sequence[Found]) -> str:
    most = max(each.others for each in found)
    said = f"Meanwhile other work took at most {most:.1%} of the CPUs"
    return f"{said}." if most <= NOISE else f"**{said}: to be measured again on a quiet machine.**"


def _row(found: Found) -> str:
    told, capacity = found.told["footprint"], found.told["capacity"]
    assert isinstance(told, dict)
    assert isinstance(capacity, dict)
    cells = (
        found.case.name,
        f"{told['waiting_share']:.0%}",
        str(found.plan),
        f"{capacity['expected']:,.0f}",
        f"{median(found.rounds[found.plan]):,.0f}",
        str(found.best),
        f"{median(found.rounds[found.best]):,.0f}",
        f"{found.share:.0%}",
    )
    return f"| {' | '.join(cells)} |"


def _finals(found: Found) -> list[str]:
    rows = []
    for way in sorted(found.rounds, key=found.against_plan, reverse=True):
        rates = found.rounds[way]
        cells = (
            found.case.name,
            f"{way}{', the plan' if way == found.plan else ''}",
            f"{median(rates):,.0f}",
            f"{min(rates):,.0f} to {max(rates):,.0f}",
            f"{found.against_plan(way):.2f}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _tried(found: Found) -> str:
    """Workers down, threads across."""
    threads = sorted({way.threads for way in found.tried})
    head = ["workers", *(f"{number} threads" if number > 1 else "sync" for number in threads)]
    rows = [head, ["---"] * len(head)]
    for workers in sorted({way.workers for way in found.tried}):
        rates = {way.threads: rate for way, rate in found.tried.items() if way.workers == workers}
        rows.append([str(workers), *(f"{rates[number]:,.0f}" if number in rates else "" for number in threads)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return (
        f"### {found.case.name}: {found.case.cpu_s * 1e3:g} ms CPU, {found.case.wait_s * 1e3:g} ms waiting\n\n{table}"
    )


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
