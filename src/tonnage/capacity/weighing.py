"""Measure what one worker costs. The figures are footprint.py's, the server is private.py's.

    1 worker, warm    -> memory of the first, threads, files, links
    n workers, warm   -> memory of each further one = (sum with n - sum with 1) / (n - 1)
    1 worker, asked one request after the other
                      -> CPU from the process's own clock (to the nanosecond), growth by the Theil-Sen slope
    the same again with an application that does nothing
                      -> what of the time is the server's and ours, and no wait of the application
    1 and n again with preloading

The service time is CPU and what a request waited, which service.py tells from what client and kernel take: the
application that does nothing shows that. What the worker or we waited for a CPU (schedstat) is left out: that wait is
the machine's.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from time import monotonic

from tonnage.capacity import trend
from tonnage.capacity.footprint import Footprint, Link, Weight
from tonnage.capacity.private import Private, private
from tonnage.capacity.service import Taken, service
from tonnage.capacity.visits import UnansweredError, Visitor
from tonnage.config.sources import Loaded
from tonnage.control.overview import Overview
from tonnage.errors import BootError, MeasureError
from tonnage.system import connections, memory
from tonnage.system.cputime import Turn, turns, used_ns

NOTHING = {"wsgi": "tonnage.capacity.nothing:wsgi", "asgi": "tonnage.capacity.nothing:asgi"}
PATIENCE_S = 60.0
PROBE_S = 2.0  # for the first answer of a path: what takes longer is not asked for a thousand times
LEAVE_OFF_S = 10.0  # for a worker whose client has gone
ROUNDS = 3  # of all paths, until a worker counts as warm
MOST_ROUNDS = 40  # where somebody else takes the requests
IDLE_REQUESTS = 300
SAMPLES = 25  # of memory, for the slope
SETTLING = 5  # of these, at the beginning, that are not looked at
PEEK_S = 0.002


@dataclass(frozen=True, slots=True)
class Effort:
    requests: int = 1000
    seconds: float = 30.0  # not more for them
    workers: int = 3  # n


NORMAL = Effort()


@dataclass(frozen=True, slots=True)
class Ask:
    """What the application is asked for."""

    kind: str  # wsgi or asgi
    paths: tuple[str, ...]
    host: str = "localhost"


def measure(
    loaded: Loaded, ask: Ask, effort: Effort = NORMAL, tell: Callable[[str], object] = lambda _: None
) -> Footprint:
    """Raises MeasureError, BootError, ConfigError. `tell` hears what is being done."""
    config, notes = loaded.config, list[str]()
    tell("one worker and several, each loading the application for itself")
    with private(loaded, "--no-preload") as server:
        ask, redirects, told = _answered(server, ask)
        notes += told
        plain, seen = _weigh(server, ask, effort, preload=False)
        server.scale(1)
        tell(f"{effort.requests} requests, one after the other")
        course = _run(server, ask, effort.requests, effort.seconds)
    tell("an application that does nothing, for comparison")
    with private(loaded, "--no-preload", app=NOTHING[ask.kind]) as server:
        idle = _run(server, Ask(ask.kind, ("/",), ask.host), IDLE_REQUESTS, effort.seconds)
    tell("the same with preloading")
    preloaded = None
    try:
        with private(loaded, "--preload") as server:
            preloaded, _ = _weigh(server, ask, effort, preload=True)
    except (BootError, MeasureError) as exc:
        notes.append(f"not measured with preload_app: {str(exc).splitlines()[0]}")
    if course.requests < effort.requests:
        notes.append(f"growth is from {course.requests} requests only: more did not fit into {effort.seconds:g} s")
    found = service(course.taken, idle.taken)
    service_s = max(course.cpu_s + found.waiting_s, 1e-9)
    return Footprint(
        app=config.wsgi_app or "",
        worker_class="asgi" if ask.kind == "asgi" else config.worker_class,
        threads=config.threads,
        paths=ask.paths,
        requests=course.requests,
        plain=plain,
        preloaded=preloaded,
        growth_octets_per_1k=max(0.0, course.growth * 1000),
        cpu_s_per_request=course.cpu_s,
        service_s_per_request=service_s,
        service_p95_s=found.p95_s,
        service_variation=found.variation,
        waiting_share=found.waiting_s / service_s,
        os_threads=seen.threads,
        files=seen.files,
        links=tuple(Link(address, count) for address, count in sorted(seen.links.items())),
        redirects=redirects,
        notes=(*notes, *course.notes),
    )


@dataclass(frozen=True, slots=True)
class Probe:
    """The first answer of a path."""

    status: int
    problem: str = ""  # why it is left out: the end of a sentence

    @property
    def is_redirect(self) -> bool:
        return not self.problem and 300 <= self.status < 400


def _answered(server: Private, ask: Ask) -> tuple[Ask, tuple[str, ...], list[str]]:
    """Without what is answered by an error, or not at all: that says nothing about the rest. And what redirects."""
    probes = {path: _probe(server, ask, path) for path in ask.paths}
    good = tuple(path for path, probe in probes.items() if not probe.problem)
    if not good:
        told = "; ".join(f"GET {path} {probe.problem}" for path, probe in probes.items())
        raise MeasureError(f"there is nothing to measure, name other paths with --paths: {told}")
    notes = [f"GET {path} {probe.problem}, and is left out" for path, probe in probes.items() if probe.problem]
    redirects = tuple(path for path, probe in probes.items() if probe.is_redirect)
    notes += [
        f"GET {path} is answered with {probes[path].status}; what was measured is the redirect. Name other paths with "
        "--paths"
        for path in redirects
    ]
    return Ask(ask.kind, good, ask.host), redirects, notes


def _probe(server: Private, ask: Ask, path: str) -> Probe:
    before = {worker.pid for worker in server.look().workers}
    visitor = Visitor(server.path, ask.host, PROBE_S)
    try:
        visit = visitor.get(path)
    except UnansweredError as exc:
        ends = not exc.is_late and _have_ended(server, before)
        _rest(server)
        return Probe(0, "ends the worker that is asked" if ends else exc.why)
    finally:
        visitor.close()
    if visit.wall_s > PROBE_S:
        return Probe(visit.status, f"takes {visit.wall_s:.1f} s")
    return Probe(visit.status, f"is answered by {visit.status}" if visit.status >= 400 else "")


def _have_ended(server: Private, pids: set[int]) -> bool:
    """A connection may be closed a little before its process is gone."""
    try:
        server.wait(lambda seen: pids.isdisjoint(worker.pid for worker in seen.workers), PROBE_S)
    except MeasureError:
        return False
    return True


def _rest(server: Private) -> None:
    """Until nobody is at work; who does not leave off is killed, and another one comes. Raises MeasureError."""
    try:
        server.wait(_rests, LEAVE_OFF_S)
    except MeasureError:
        for worker in server.look().workers:
            if worker.in_flight or worker.unnamed:
                with suppress(ProcessLookupError):  # just now
                    os.kill(worker.pid, signal.SIGKILL)
        server.wait(_rests)


def _rests(seen: Overview) -> bool:
    return seen.ready == seen.want and not seen.in_flight


# -- memory ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Seen:
    """The most there was of each, in one worker."""

    threads: int
    files: int
    links: Counter[str]


def _weigh(server: Private, ask: Ask, effort: Effort, *, preload: bool) -> tuple[Weight, Seen]:
    (first,) = server.workers()
    with _watched(first.pid) as seen:
        _warm(server, ask, 1)
    base = _sum(server.others())
    alone = base + _share(first.pid)
    server.scale(effort.workers)
    _warm(server, ask, effort.workers)
    together = _sum([*server.others(), *(worker.pid for worker in server.workers())])
    further = max(0, together - alone) // (effort.workers - 1)
    return Weight(preload, effort.workers, base, alone - base, further, server.booted_s), seen


def _warm(server: Private, ask: Ask, workers: int) -> None:
    """Until each worker has had enough requests; on new connections, so that any may get any. Raises MeasureError."""
    wanted = ROUNDS * len(ask.paths)
    visitors = [Visitor(server.path, ask.host, PATIENCE_S) for _ in range(workers)]
    for _ in range(MOST_ROUNDS):
        problems = list[MeasureError]()
        threads = [threading.Thread(target=_tour, args=(visitor, ask.paths, problems)) for visitor in visitors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]
        found = server.workers()
        if len(found) == workers and all(worker.requests >= wanted for worker in found):
            return
    raise MeasureError(f"after {MOST_ROUNDS} rounds not every one of {workers} workers has had {wanted} requests")


def _tour(visitor: Visitor, paths: tuple[str, ...], problems: list[MeasureError]) -> None:
    try:
        for path in paths * ROUNDS:
            visitor.get(path, keep=False)
    except MeasureError as exc:
        problems.append(exc)


@contextmanager
def _watched(pid: int) -> Iterator[Seen]:
    """Meanwhile: a connection may be open for the time of one request only."""
    seen, is_over = Seen(0, 0, Counter()), threading.Event()

    def watch() -> None:
        while not is_over.wait(PEEK_S):
            with suppress(OSError):  # it is gone, which whoever asks it will say
                _peek(pid, seen)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()
    _peek(pid, seen)
    seen.files = _count(f"/proc/{pid}/fd")


def _peek(pid: int, seen: Seen) -> None:
    seen.links |= connections.peers(pid)
    seen.threads = max(seen.threads, _count(f"/proc/{pid}/task"))


def _count(directory: str) -> int:
    return sum(1 for _ in Path(directory).iterdir())


def _sum(pids: Sequence[int]) -> int:
    return sum(_share(pid) for pid in pids)


def _own(pid: int) -> int:
    """What is in no file: the rest depends on who else has mapped the same libraries at the moment."""
    found = memory.anonymous(pid)
    return found.rss if found is not None else _share(pid)


def _share(pid: int) -> int:
    sample = memory.measure(pid)
    if sample.pss is None:
        raise MeasureError(f"the kernel does not show what process {pid} takes (smaps_rollup; CAP_SYS_PTRACE)")
    return sample.pss


# -- time and growth ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Course:
    """One worker, one request at a time."""

    taken: tuple[Taken, ...]
    cpu_s: float  # of a request, by the clock of the whole process
    growth: float  # octets per request
    notes: tuple[str, ...]

    @property
    def requests(self) -> int:
        return len(self.taken)


@dataclass(slots=True)
class Meter:
    pid: int
    visitor: Visitor
    walls_s: list[float] = field(default_factory=list)  # without the time that either of us had to wait for a CPU
    used_s: list[float] = field(default_factory=list)
    queued_s: float = 0.0  # for want of a CPU
    is_blind: bool = True  # to that

    def visit(self, path: str) -> None:
        before = turns(self.pid)
        visit = self.visitor.get(path)
        worked = [_between(before.get(thread), turn) for thread, turn in turns(self.pid).items()]
        self.is_blind = self.is_blind and not any(each.used_ns for each in worked)
        busiest = max(worked, key=lambda each: each.used_ns, default=Turn(0, 0))  # others may queue while it waits
        queued_s = min(visit.wall_s, visit.queued_s + busiest.queued_ns / 1e9)
        self.queued_s += queued_s
        self.walls_s.append(visit.wall_s - queued_s)
        self.used_s.append(sum(each.used_ns for each in worked) / 1e9)

    def taken(self, mean_s: float) -> Iterator[Taken]:
        """Where the kernel does not tell the CPU of each, all have the mean."""
        for wall_s, used_s in zip(self.walls_s, self.used_s, strict=True):
            cpu_s = mean_s if self.is_blind else used_s
            yield Taken(cpu_s, max(0.0, wall_s - cpu_s))

    def notes(self) -> Iterator[str]:
        if self.is_blind:
            yield "this kernel does not tell who waits for a CPU (schedstat): measure while there is no other load"
        elif self.queued_s > sum(self.walls_s):
            yield f"other load kept us from the CPUs for {self.queued_s:.1f} s, not counted: better measure without it"


def _between(before: Turn | None, after: Turn) -> Turn:
    if before is None:  # a new thread
        return after
    return Turn(after.used_ns - before.used_ns, after.queued_ns - before.queued_ns)


def _run(server: Private, ask: Ask, most: int, seconds: float) -> Course:
    """Raises MeasureError, also when the worker is replaced meanwhile: then its clock has stopped."""
    (worker,) = server.workers()
    meter = Meter(worker.pid, Visitor(server.path, ask.host, PATIENCE_S))
    deadline, every = monotonic() + seconds, max(1, most // SAMPLES)
    grown = list[tuple[float, float]]()
    try:
        for path in ask.paths * ROUNDS:
            meter.visitor.get(path)
        began = used_ns(worker.pid)
        for path in islice(cycle(ask.paths), most):
            meter.visit(path)
            done = len(meter.walls_s)
            if done % every == 0:
                grown.append((done, _own(worker.pid)))
            if monotonic() > deadline and done >= len(ask.paths):
                break
        used_s = (used_ns(worker.pid) - began) / 1e9
    except OSError as exc:
        raise MeasureError(f"the worker was gone in the middle of it.\n{server.last_lines()}") from exc
    finally:
        meter.visitor.close()
    mean_s = used_s / len(meter.walls_s)
    return Course(tuple(meter.taken(mean_s)), mean_s, trend.slope(grown[SETTLING:]), tuple(meter.notes()))
