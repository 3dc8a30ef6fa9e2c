"""`tonnage status`: what a running server does at this moment. `--json` for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tonnage.cli import target
from tonnage.control.overview import ListenerView, Overview, WorkerView

HEAD = ("PID", "SLOT", "GEN", "STATE", "UP", "REQUESTS", "CONNECTIONS", "NOW")


def run(words: Sequence[str]) -> int:
    found = target.split(words, "--json")
    client, _ = target.connect(found)
    with client:
        seen = target.look(client)
    if "--json" in found.switches:
        print(json.dumps(seen.as_object(), indent=2))
    else:
        print("\n".join(lines(seen)))
    return 0


def lines(seen: Overview) -> Iterator[str]:
    yield target.printable(
        f"supervisor {seen.pid} (tonnage {seen.version}): {seen.mode} for {duration(seen.uptime_s)}, "
        f"generation {seen.generation}, {seen.ready} of {seen.want} workers ready"
    )
    for listener in seen.listeners:
        yield target.printable(_listener(listener))
    yield ""
    rows = [HEAD, *map(_worker, seen.workers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD) - 1)]
    for row in rows:
        cells = [_placed(cell, width) for cell, width in zip(row, widths, strict=False)]
        yield target.printable("  ".join([*cells, row[-1]])).rstrip()


def _placed(cell: str, width: int) -> str:
    return cell.rjust(width) if cell.isdecimal() else cell.ljust(width)


def _listener(listener: ListenerView) -> str:
    if listener.waiting is None:
        return f"listening at {listener.url}"
    return f"listening at {listener.url}: {listener.waiting} in the accept queue, which holds {listener.limit}"


def _worker(worker: WorkerView) -> tuple[str, ...]:
    numbers = (worker.pid, worker.slot, worker.generation)
    oldest = worker.in_flight[0] if worker.in_flight else None
    now = f"{oldest.line} ({duration(oldest.age_s)})" if oldest else "-"
    if len(worker.in_flight) > 1:
        now += f" and {len(worker.in_flight) - 1} more"
    counts = (str(worker.requests), str(worker.connections))
    return (*map(str, numbers), worker.state, duration(worker.lived_s), *counts, now)


def duration(seconds: float) -> str:
    """Two units of it: 0.3 s, 12 s, 4 min 5 s, 3 h 12 min, 40 d 2 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for size, name, below, lesser in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // below} {lesser}"
    return f"{whole} s"
