"""The page and the tables. Every figure and every verdict on the page comes from the JSON beside it."""

from __future__ import annotations

from pathlib import Path
from string import Template

from bench.report import table

from .peers import PEERS
from .results import WITHIN, Results
from .scenarios import SCENARIOS, Scenario

PAGE = Path(__file__).with_name("page.md")
OURS = "tonnage"
NO_MEANS = "has no means for it"


def write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.save(folder / "reliability.json")
    (folder / "reliability.md").write_text(page(results))


def page(results: Results) -> str:
    return Template(PAGE.read_text()).substitute(results.about, table=summary(results))


def summary(results: Results) -> str:
    peers = [peer.name for peer in PEERS if any(peer.name in shown for shown in results.shows.values())]
    rows = [
        [scenario.title, *(cell(results, scenario, peer) for peer in peers)]
        for scenario in SCENARIOS
        if scenario.name in results.shows
    ]
    return table(["", *peers], rows)


def cell(results: Results, scenario: Scenario, peer: str) -> str:
    found = results.shows[scenario.name].get(peer)
    if found is None:
        return ""
    if found.trouble:
        return "-" if found.trouble == NO_MEANS else "failed"
    excused = f" (+{found.excused})" if found.excused else ""
    ratio = results.ratio(scenario.name, peer, scenario.wants.workers)
    times = f", {ratio:.1f}x" if ratio is not None else ""
    return f"{found.lost:,}{excused} of {found.requests:,}{times}{' !' if found.flaws else ''}"


def is_kept(results: Results) -> bool:
    """Our promise: nothing lost that could have been kept, nobody waited, everything said."""
    ours = [
        (found, results.ratio(scenario.name, peer, scenario.wants.workers) or 0.0)
        for scenario in SCENARIOS
        for peer, found in results.shows.get(scenario.name, {}).items()
        if peer.startswith(OURS)
    ]
    return all(not (found.lost or found.flaws or found.trouble) and ratio <= WITHIN for found, ratio in ours)
