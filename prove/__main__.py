"""`python -m prove`: options in, the page out."""

from __future__ import annotations

import argparse
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
            found = _try(scenario, peer, pace)
            results.shows.setdefault(scenario.name, {})[peer.name] = found
            print(f"{scenario.name:20} {peer.name:18} {report.in_short(found)}", file=sys.stderr, flush=True)
            for line in [*found.flaws, *found.failures[: options.failures]]:
                print(f"    {line}", file=sys.stderr, flush=True)
        report.write(results, DRAFTS)  # a run takes long: what is done is done
    report.write(results, out)
    print(report.summary(results))
    return 0 if all(found.is_kept for found in report.ours(results)) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/prove", description="Show that no client notices; beside the peers.")
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--scenario", action="append", default=[], choices=names, help="only this one")
    parser.add_argument("--peer", action="append", default=[], help="only servers whose name has this word")
    parser.add_argument("--quick", action="store_true", help="a few seconds each: to see that everything works")
    parser.add_argument("--failures", type=int, default=3, help="how many to tell of, of each show")
    parser.add_argument("--out", type=Path, help="folder; default docs/explanation for a whole run, else build/prove")
    parser.add_argument("--render", type=Path, metavar="JSON", help="only write the page again, from these results")
    return parser.parse_args()


def _try(scenario: Scenario, peer: Peer, pace: Pace) -> Result:
    if not scenario.needs <= peer.can:
        return Result(trouble="has no means for it")
    with tempfile.TemporaryDirectory(prefix="tonnage-prove-") as scratch:
        try:
            return show(scenario, peer, pace, Path(scratch))
        except (ServerFailedError, ClientFailedError) as exc:
            return Result(trouble=str(exc))


if __name__ == "__main__":
    sys.exit(main())
