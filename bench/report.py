"""The page and the tables. Every figure and every verdict on the page comes from the JSON beside it."""

from collections.abc import Sequence
from pathlib import Path
from string import Template

from .cases import CASES, METRICS, Case, Kind
from .machine import LIBRARIES
from .peers import PEERS
from .reach import ours, spread, verdicts
from .results import Results

QUIET = 0.05  # of one core: what a machine does that nobody uses
BY_WORK = {Kind.THROUGHPUT, Kind.MESSAGES}  # compared by requests per CPU second: more is better
PAGE = Path(__file__).with_name("page.md")


def write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.save(folder / "performance.json")
    (folder / "performance.md").write_text(page(results))


def page(results: Results) -> str:
    return Template(PAGE.read_text()).substitute(
        results.about,
        quiet=quiet(results),
        libraries=", ".join(f"{name} {results.versions.get(name, 'not installed')}" for name in LIBRARIES),
        reach=reach_table(results),
        cases="\n\n".join(section(case, results) for case in CASES if case.name in results.rounds),
        peers=peer_table(results),
    )


def quiet(results: Results) -> str:
    """How much of the machine others had."""
    shares = results.disturbed()
    loud = sum(share > QUIET for share in shares)
    most = f"at most {max(shares, default=0):.0%} of one core in one of them"
    told = f"In {loud} of {len(shares)} turns, other processes took more than {QUIET:.0%} of a core; {most}."
    return f"**The machine was not quiet, so the figures are rough.** {told}" if loud * 20 > len(shares) else told


def summary(results: Results) -> str:
    """The same tables for the terminal."""
    tables = [f"{case.title}\n{case_table(case, results)}" for case in CASES if case.name in results.rounds]
    return "\n\n".join([*tables, reach_table(results), quiet(results)])


def section(case: Case, results: Results) -> str:
    return f"### {case.title}\n\n{case.about}\n\n{case_table(case, results)}"


def reach_table(results: Results) -> str:
    rows = [[verdict.promise, verdict.found, verdict.word] for verdict in verdicts(results)]
    return table(["promise", "measured", "verdict"], rows)


def case_table(case: Case, results: Results) -> str:
    metrics = METRICS[case.kind]
    rows = [_row(case, peer, results) for peer in _ranked(case, results)]
    against = "work per CPU s" if case.kind in BY_WORK else metrics[0].heading
    return table(["server", *(metric.heading for metric in metrics), f"{against}, {ours(case)} = 1", "remarks"], rows)


def _row(case: Case, peer: str, results: Results) -> list[str]:
    metrics = METRICS[case.kind]
    figures = [(metric, results.figure(case.name, peer, metric.key)) for metric in metrics]
    pair = (ours(case), peer) if case.kind in BY_WORK else (peer, ours(case))
    against = results.ratio(case.name, *pair, metrics[0].key)
    cells = [spread(found, metric.digits) if found else "-" for metric, found in figures]
    return [peer, *cells, spread(against, 2) if against else "-", "; ".join(results.remarks(case.name, peer))]


def _ranked(case: Case, results: Results) -> list[str]:
    """The best first; whoever could not do it last, with the reason."""

    def place(peer: str) -> float:
        found = results.figure(case.name, peer, METRICS[case.kind][0].key)
        return found.median if found else float("inf")

    return sorted(results.rounds[case.name], key=place)


def peer_table(results: Results) -> str:
    version = {peer.name: results.versions.get(peer.package, "not installed") for peer in PEERS}
    rows = [[peer.name, version[peer.name], peer.about, f"`{' '.join(peer.command.split())}`"] for peer in PEERS]
    return table(["server", "version", "how it runs here", "command"], rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown that is also readable as it stands."""
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.replace("|", "/").ljust(width) for cell, width in zip(cells, widths, strict=True)]
        return f"| {' | '.join(padded)} |"

    return "\n".join(line(cells) for cells in (heads, ["-" * width for width in widths], *rows))
