"""`tonnage status`: what a running server does at this moment. `--json` for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tonnage.cli import target
from tonnage.cli.figures import caps, duration, memory, now, share, span, speed, summary, use
from tonnage.control.overview import ListenerView, Overview, WorkerView

HEAD = ("PID", "SLOT", "GEN", "STATE", "UP", "REQUESTS", "REQ/S", "P95", "BUSY", "MEMORY", "CONNECTIONS", "NOW")


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
    yield target.printable(summary(seen))
    for listener in seen.listeners:
        yield target.printable(_listener(listener))
    yield speed(seen)
    yield use(seen)
    yield from map(target.printable, caps(seen))
    yield ""
    rows = [HEAD, *map(_worker, seen.workers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD) - 1)]
    for row in rows:
        cells = [_placed(cell, width) for cell, width in zip(row, widths, strict=False)]
        yield target.printable("  ".join([*cells, row[-1]])).rstrip()


def _placed(cell: str, width: int) -> str:
    return cell.rjust(width) if cell[:1].isdecimal() else cell.ljust(width)


def _listener(listener: ListenerView) -> str:
    if listener.waiting is None:
        return f"listening at {listener.url}"
    peak = "" if listener.peak is None else f" ({listener.peak} at most within the last minute)"
    return f"listening at {listener.url}: {listener.waiting} in the accept queue{peak}, which holds {listener.limit}"


def _worker(worker: WorkerView) -> tuple[str, ...]:
    return (
        str(worker.pid), str(worker.slot), str(worker.generation), worker.state, duration(worker.lived_s),
        str(worker.requests), f"{worker.rps:.1f}", span(worker.service.p95_s), share(worker.busy), memory(worker.pss),
        str(worker.connections), now(worker),
    )  # fmt: skip
