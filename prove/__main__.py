"""`python -m prove`: options in, the page out."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from . import machine, report
from .load import ROOT, ClientFailedError
from .peers import PEERS, Peer
from .results import Result, Results
from .scenarios import SCENARIOS, Scenario
from .server import ServerFailedError
from .show import show
from .stage import LONG, QUICK, Pace

PAGES = ROOT / "docs" / "explanation"
MEMORY = Path("/dev/shm")  # noqa: S108
DRAFTS = ROOT / "build" / "prove"


def main() -> int:
    options = _options()
    if options.render:
        report.write(Results.load(options.render), options.out or PAGES)
        return 0
    scenarios = [one for one in SCENARIOS if not options.scenario or one.name in options.scenario]
    peers = [one for one in PEERS if not options.peer or any(word in one.name for word in options.peer)]
    pace = QUICK if options.quick else LONG
    whole = len(scenarios) == len(SCENARIOS) and len(peers) == len(PEERS) and not options.quick
    out = options.out or (PAGES if whole else DRAFTS)
    results = Results(machine.about(pace), machine.versions(PEERS))
    for scenario in scenarios:
        for peer in peers:
            if (scenario.ours_alone and not peer.is_ours) or not peer.is_in(scenario.name):
                continue
            found, quiet_ms = _try(scenario, peer, pace, options.logs)
            results.add(scenario.name, peer.name, found, scenario.kind, quiet_ms)
            tell(scenario, peer, results, options.failures)
        report.write(results, DRAFTS)  # a run takes long: what is done is done
    report.write(results, out)
    print(report.summary(results))
    return 0 if report.is_kept(results) else 1


def tell(scenario: Scenario, peer: Peer, results: Results, most: int) -> None:
    found = results.shows[scenario.name][peer.name]
    lines = [f"{scenario.name:20} {peer.name:18} {report.cell(results, scenario, peer.name)}"]
    lines += [f"    {line}" for line in [*found.flaws, *found.notes, *found.failures[:most]]]
    print("\n".join(lines), file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/prove", description="Show that no client notices; beside the peers.")
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--scenario", action="append", default=[], choices=names, help="only this one")
    parser.add_argument("--peer", action="append", default=[], help="only servers whose name has this word")
    parser.add_argument("--quick", action="store_true", help="a few seconds each: to see that everything works")
    parser.add_argument("--failures", type=int, default=3, help="how many to tell of, of each show")
    parser.add_argument("--logs", type=Path, help="keep the servers' logs in this folder")
    parser.add_argument("--out", type=Path, help="folder; default docs/explanation for a whole run, else build/prove")
    parser.add_argument("--render", type=Path, metavar="JSON", help="only write the page again, from these results")
    return parser.parse_args()


def _try(scenario: Scenario, peer: Peer, pace: Pace, logs: Path | None) -> tuple[Result, list[float]]:
    if not scenario.needs <= peer.can:
        return Result(trouble=report.NO_MEANS), []
    memory = MEMORY if MEMORY.is_dir() else None  # a disk that is busy would be a latency
    with tempfile.TemporaryDirectory(prefix="tonnage-prove-", dir=memory) as scratch:
        try:
            return show(scenario, peer, pace, Path(scratch))
        except (ServerFailedError, ClientFailedError) as exc:
            return Result(trouble=str(exc)), []
        finally:
            if logs is not None:
                logs.mkdir(parents=True, exist_ok=True)
                name = f"{scenario.name}-{peer.name.replace(' ', '-')}.log"
                shutil.copy(Path(scratch) / "server" / "log", logs / name)


if __name__ == "__main__":
    sys.exit(main())
