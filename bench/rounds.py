"""The order of measurements: every peer once in each round, so that a slow minute hits all of them."""

import sys
from collections.abc import Sequence

from .cases import METRICS, Case
from .load import LoadError
from .peers import Peer
from .procedures import PROCEDURES
from .results import Results, Round
from .server import Bench, ServerFailedError


def run(case: Case, peers: Sequence[Peer], rounds: int, bench: Bench, results: Results) -> None:
    able = [peer for peer in peers if peer.is_asked(case)]
    for number in range(rounds):
        turn = number % max(1, len(able))
        for peer in able[turn:] + able[:turn]:  # nobody always follows the same one
            found = measure(peer, case, bench)
            results.add(case.name, peer.name, found)
            _say(f"{case.name} {number + 1}/{rounds} {peer.name}: {_brief(case, found)}")


def measure(peer: Peer, case: Case, bench: Bench) -> Round:
    if case.workers > peer.processes:
        return Round(failure=f"has no worker processes: {case.workers} were asked for")
    try:
        sample = PROCEDURES[case.kind](peer, case, bench)
    except (ServerFailedError, LoadError) as exc:
        return Round(failure=str(exc))
    return Round(sample.values, sample.notes, disturbed=sample.disturbed)


def _brief(case: Case, found: Round) -> str:
    figures = [f"{found.values[m.key]:,.{m.digits}f} {m.heading}" for m in METRICS[case.kind] if m.key in found.values]
    return found.failure or ", ".join([*figures, *found.notes])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
