"""The page and the tables. Every figure and every verdict on the page comes from the JSON beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template

from bench.report import table

from .peers import PEERS
from .results import Result, Results
from .scenarios import SCENARIOS

PAGE = Path(__file__).with_name("page.md")
OURS = "tonnage"


def write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.save(folder / "reliability.json")
    (folder / "reliability.md").write_text(page(results))


def page(results: Results) -> str:
    return Template(PAGE.read_text()).substitute(results.about, table=summary(results))


def summary(results: Results) -> str:
    peers = [peer.name for peer in PEERS if any(peer.name in shown for shown in results.shows.values())]
    rows = [
        [scenario.title, *(in_short(results.shows[scenario.name].get(peer)) for peer in peers)]
        for scenario in SCENARIOS
        if scenario.name in results.shows
    ]
    return table(["", *peers], rows)


def in_short(found: Result | None) -> str:
    if found is None:
        return "-"
    if found.trouble:
        return found.trouble if len(found.trouble) < 40 else "failed"
    excused = f" (+{found.excused})" if found.excused else ""
    times = f", {found.ratio:.1f}x" if found.ratio else ""
    return f"{found.lost:,}{excused} of {found.requests:,}{times}{' !' if found.flaws else ''}"


def ours(results: Results) -> Iterator[Result]:
    for shown in results.shows.values():
        yield from (found for peer, found in shown.items() if peer.startswith(OURS))
