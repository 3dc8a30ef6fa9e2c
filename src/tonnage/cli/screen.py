"""What `tonnage top` shows: an Overview as rows that fit a screen of 80 by 24. Pure."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tonnage.cli import target
from tonnage.cli.figures import caps, duration, memory, now, share, span, speed, use
from tonnage.control.overview import ListenerView, Overview, WorkerView

BAR = 20
STYLES = {"ready": "green", "booting": "yellow", "draining": "cyan", "quitting": "red", "aborting": "red"}


def frame(seen: Overview, height: int) -> RenderableType:
    """The workers that do not fit are counted, not shown; those that are busiest are."""
    top: list[RenderableType] = [
        _line(_headline(seen), "bold"),
        _line(speed(seen)),
        Text.assemble(_bar(seen.busy), " ", use(seen), overflow="ellipsis", no_wrap=True),
        *(_line(_listener(listener), _alarm(listener)) for listener in seen.listeners),
        *(_line(each, "bold red") for each in caps(seen)),
    ]
    room = max(1, height - len(top) - 4)  # an empty line, the head, who is not shown, the keys
    chosen = sorted(seen.workers, key=lambda worker: -worker.busy)[:room]
    shown = [worker for worker in seen.workers if worker in chosen]
    rest = len(seen.workers) - len(shown)
    more = f"and {rest} less busy workers, " if rest else ""
    return Group(*top, Text(), _table(shown), _line(f"{more}q quits", "dim"))


def _headline(seen: Overview) -> str:
    """As status has it, in 80 columns."""
    return (
        f"tonnage {seen.version} ({seen.pid}) {seen.mode} {duration(seen.uptime_s)}, generation {seen.generation}, "
        f"{seen.ready} of {seen.want} workers ready"
    )


def _table(workers: list[WorkerView]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, header_style="dim")
    for name in ("PID", "GEN", "STATE", "UP", "BUSY", "REQ/S", "P50", "P95", "P99", "PSS"):
        table.add_column(name, justify="left" if name == "STATE" else "right", no_wrap=True)
    table.add_column("NOW", no_wrap=True, overflow="ellipsis", ratio=1)
    for worker in workers:
        times = (worker.service.p50_s, worker.service.p95_s, worker.service.p99_s)
        table.add_row(
            str(worker.pid), str(worker.generation), Text(worker.state, STYLES.get(worker.state, "")),
            _short(worker.lived_s), share(worker.busy), f"{worker.rps:.1f}", *map(_brief, times),
            memory(worker.pss).removesuffix("iB").replace(" ", ""), Text(now(worker)),
        )  # fmt: skip
    return table


def _line(text: str, style: str = "") -> Text:
    return Text(target.printable(text), style, overflow="ellipsis", no_wrap=True)


def _bar(part: float) -> Text:
    full = round(BAR * min(1.0, part))
    style = "green" if part < 0.7 else "yellow" if part < 0.9 else "red"
    return Text.assemble("[", ("|" * full, style), " " * (BAR - full), "]")


def _listener(listener: ListenerView) -> str:
    if listener.waiting is None:
        return listener.url
    return f"{listener.url}: {listener.waiting} wait, {listener.peak or 0} at most within a minute, of {listener.limit}"


def _alarm(listener: ListenerView) -> str:
    """Red when clients are about to fail, yellow when they wait."""
    if listener.limit and listener.waiting is not None and listener.waiting > listener.limit / 2:
        return "bold red"
    return "yellow" if listener.waiting else ""


def _brief(seconds: float) -> str:
    return span(seconds).replace(" ", "") if seconds else "-"


def _short(seconds: float) -> str:
    """One unit: 7s, 4min, 3h, 40d."""
    if seconds < 10:
        return f"{seconds:.0f}s"
    number, unit, *_ = duration(seconds).split(" ")
    return number + unit
