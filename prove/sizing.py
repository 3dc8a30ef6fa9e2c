"""`python -m prove.sizing`: is what `tonnage plan` chooses as good as the best that can be found by trying everything?

Applications with a known CPU and waiting time are planned for by the real command, which measures them; then every
worker class, number of threads and number of workers of a grid is served and loaded in a closed loop. The best few and
the plan are measured again, in turn, so that what else the machine does hits all alike. Throughput is what is compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from . import machine
from .load import ROOT
from .stage import LONG

PAGE = ROOT / "docs" / "explanation" / "sizing-measured.md"
TEMPLATE = Path(__file__).with_name("sizing.md")
ENOUGH = 0.9  # of the best throughput

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
class Way:
    worker_class: str
    threads: int
    workers: int

    def __str__(self) -> str:
        threads = f" x {self.threads} threads" if self.worker_class == "gthread" else ""
        return f"{self.workers} {self.worker_class}{threads}"


@dataclass(frozen=True, slots=True)
class Pace:
    threads: tuple[int, ...]
    workers: tuple[int, ...]
    seconds: int
    rounds: int
    finalists: int


PACES = {
    "long": Pace((1, 2, 4, 8, 16, 24, 32), (1, 2, 3, 4, 8, 16), 2, 5, 3),
    "quick": Pace((1, 2, 8, 20), (1, 2, 3, 4, 8), 1, 3, 2),
}
MOST_AT_ONCE = 64  # of workers x threads
PAUSE_S = 0.05

CPUS = sorted(os.sched_getaffinity(0))
OURS, CLIENTS = CPUS[:-1] or CPUS, CPUS[-1:]  # so that the client takes nothing of what was planned with
FIRST = ["nice", "-n", "-10"] if os.geteuid() == 0 else []  # other work on the machine would favour many processes
TONNAGE = [*FIRST, "taskset", "--cpu-list", ",".join(map(str, OURS)), sys.executable, "-m", "tonnage"]


@dataclass(slots=True)
class Found:
    case: Case
    plan: Way
    told: dict[str, object]
    tried: dict[Way, float] = field(default_factory=dict)  # requests a second, once
    final: dict[Way, float] = field(default_factory=dict)  # the median of several, in turn

    @property
    def best(self) -> Way:
        return max(self.final, key=lambda way: self.final[way])

    @property
    def share(self) -> float:
        return self.final[self.plan] / self.final[self.best]


def main() -> int:
    parser = argparse.ArgumentParser("python -m prove.sizing", description="The plan beside every other way to serve.")
    parser.add_argument("--quick", action="store_true", help="a small grid, and no page")
    options = parser.parse_args()
    pace = PACES["quick" if options.quick else "long"]
    found = [run(case, pace) for case in CASES]
    text = page(found, pace)
    print(text)
    if not options.quick:
        PAGE.write_text(text)
    return 0 if all(each.share >= ENOUGH for each in found) else 1


def run(case: Case, pace: Pace) -> Found:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "app.py").write_text(APP.format(cpu_s=case.cpu_s, wait_s=case.wait_s))
        told = planned(directory)
        chosen = told["settings"]
        assert isinstance(chosen, dict)
        found = Found(case, Way(chosen["worker_class"], chosen["threads"], chosen["workers"]), told)
        tell(f"{case.name}: the plan is {found.plan}")
        for way in dict.fromkeys([*grid(pace), found.plan]):
            found.tried[way] = measured(way, directory, pace.seconds)
            tell(f"  {found.tried[way]:8.1f}/s  {way}")
        best = sorted(found.tried, key=lambda way: -found.tried[way])[: pace.finalists]
        rounds: dict[Way, list[float]] = {way: [] for way in dict.fromkeys([found.plan, *best])}
        for turn in range(pace.rounds):
            for way in rounds if turn % 2 else reversed(rounds):
                rounds[way].append(measured(way, directory, pace.seconds))
        found.final = {way: median(rates) for way, rates in rounds.items()}
        tell(f"  the plan reaches {found.share:.0%} of the best, {found.best}")
        return found


def grid(pace: Pace) -> Iterator[Way]:
    for workers in pace.workers:
        for threads in pace.threads:
            if workers * threads <= MOST_AT_ONCE:
                yield Way("sync" if threads == 1 else "gthread", threads, workers)


def planned(directory: Path) -> dict[str, object]:
    command = [*TONNAGE, "plan", "app", "--json"]
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, check=True, timeout=600)
    told: dict[str, object] = json.loads(done.stdout)
    return told


def measured(way: Way, directory: Path, seconds: int) -> float:
    """Requests a second. Twice as many connections as slots: one waits for each that is served."""
    connections, script = 2 * way.workers * way.threads, ROOT / "bench" / "wrk.lua"
    with served(way, directory) as url:
        wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), url]
        pinned = [*FIRST, "taskset", "--cpu-list", str(CLIENTS[0]), *wrk]
        done = subprocess.run(pinned, capture_output=True, text=True, check=True, timeout=seconds + 60)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    return float(said["requests"] / said["us"] * 1e6)


@contextlib.contextmanager
def served(way: Way, directory: Path) -> Iterator[str]:
    """The URL, when all workers are ready."""
    ready, tell_on = os.pipe()
    control = str(directory / "control")
    command = [*TONNAGE, "app", "--bind", "127.0.0.1:0", "--ready-fd", str(tell_on)]
    command += ["--workers", str(way.workers), "--threads", str(way.threads), "--worker-class", way.worker_class]
    command += ["--control-socket", control]
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=directory, stderr=log, stdout=log, pass_fds=[tell_on])
    os.close(tell_on)
    with os.fdopen(ready) as pipe:
        url = pipe.readline().strip()
    try:
        while ready_workers(control) < way.workers:
            time.sleep(PAUSE_S)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ready_workers(control: str) -> int:
    command = [sys.executable, "-m", "tonnage", "status", "--json", "--control-socket", control]
    said = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout)
    return sum(worker["state"] == "ready" for worker in said["workers"])


# -- the page ----------------------------------------------------------------------------------------------------------


def page(found: Sequence[Found], pace: Pace) -> str:
    about = machine.about(LONG)
    return TEMPLATE.read_text().format(
        **about,
        seconds=pace.seconds,
        rounds=pace.rounds,
        at_once=MOST_AT_ONCE,
        cpus=len(OURS),
        verdict="Kept, in every case." if all(each.share >= ENOUGH for each in found) else "Not kept in every case.",
        summary="\n".join(map(_row, found)),
        tried="\n\n".join(map(_tried, found)),
    )


def _row(found: Found) -> str:
    told = found.told["footprint"]
    assert isinstance(told, dict)
    capacity = found.told["capacity"]
    assert isinstance(capacity, dict)
    cells = (
        found.case.name,
        f"{told['waiting_share']:.0%}",
        str(found.plan),
        f"{capacity['expected']:,.0f}",
        f"{found.final[found.plan]:,.0f}",
        str(found.best),
        f"{found.final[found.best]:,.0f}",
        f"{found.share:.0%}",
    )
    return f"| {' | '.join(cells)} |"


def _tried(found: Found) -> str:
    """Workers down, threads across."""
    threads = sorted({way.threads for way in found.tried if way != found.plan})
    head = ["workers", *(f"{number} threads" if number > 1 else "sync" for number in threads)]
    rows = [head, ["---"] * len(head)]
    for workers in sorted({way.workers for way in found.tried if way != found.plan}):
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
