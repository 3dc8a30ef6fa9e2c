"""Figures of a running server as people read them: times, shares, sizes."""

from __future__ import annotations

from tonnage.cli import target
from tonnage.control.overview import Overview, WorkerView

MIB = 1 << 20


def duration(seconds: float) -> str:
    """Two units of it: 0.3 s, 12 s, 4 min 5 s, 3 h 12 min, 40 d 2 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for size, name, below, lesser in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // below} {lesser}"
    return f"{whole} s"


def span(seconds: float) -> str:
    """How long a request takes: 480 us, 12.5 ms, 1.25 s."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def share(part: float) -> str:
    return f"{100 * part:.0f}%"


def memory(octets: int | None) -> str:
    return "-" if octets is None else f"{octets / MIB:.1f} MiB"


def summary(seen: Overview) -> str:
    return (
        f"supervisor {seen.pid} (tonnage {seen.version}): {seen.mode} for {duration(seen.uptime_s)}, "
        f"generation {seen.generation}, {seen.ready} of {seen.want} workers ready"
    )


def speed(seen: Overview) -> str:
    """Of the last seconds."""
    service, queue = seen.service, seen.queue
    return (
        f"{seen.rps:.1f} requests/s, p50 {span(service.p50_s)}, p95 {span(service.p95_s)}, p99 {span(service.p99_s)}; "
        f"queued p95 {span(queue.p95_s)}"
    )


def use(seen: Overview) -> str:
    return (
        f"{seen.in_flight} in flight, threads {share(seen.busy)} busy, {seen.cpu:.2f} of {seen.cpus:g} CPUs, "
        f"headroom {share(seen.headroom)}"
    )


def caps(seen: Overview) -> list[str]:
    return [
        f"capped by {each.name} for {duration(max(0.0, seen.unix_s - each.since))}: {each.text}" for each in seen.capped
    ]


def now(worker: WorkerView) -> str:
    """What it does; nothing in it steers a terminal, for request lines are written by strangers."""
    if not worker.in_flight:
        return "-"
    oldest = worker.in_flight[0]
    text = f"{oldest.line} ({duration(oldest.age_s)})"
    more = len(worker.in_flight) - 1 + worker.unnamed
    if more:
        text += f" and {more} more"
    return target.printable(text)
