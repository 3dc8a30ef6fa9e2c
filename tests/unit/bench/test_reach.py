"""A verdict follows from the figures, and from nothing else."""

import pytest

from bench.peers import PEERS
from bench.reach import Verdict, verdicts
from bench.results import Results, Round

SUPERVISED = "Hello: above every supervised peer"
CEILING = "Hello: at least 0.40 of nginx"


def found(promise: str, **cpu_s: list[float]) -> Verdict:
    results = Results({}, {})
    for peer in PEERS:
        for value in cpu_s.get(peer.name.replace(" ", "_"), [9.0, 9.0, 9.0]):
            results.add("hello", peer.name, Round({"cpu_s_per_1000": value}) if value else Round(failure="no answer"))
    return next(verdict for verdict in verdicts(results) if verdict.promise == promise)


def test_the_nearest_rival_decides() -> None:
    verdict = found(SUPERVISED, tonnage_sync=[2.0, 2.0, 2.0], granian=[1.8, 1.8, 1.8], waitress=[20.0, 20.0, 20.0])
    assert verdict == Verdict(SUPERVISED, "0.90 of granian", met=False)


def test_ratios_are_formed_within_a_round() -> None:
    """A slow minute that doubled everything in the second round changes no ratio."""
    verdict = found(CEILING, tonnage_sync=[2.0, 4.0, 2.0], nginx=[1.0, 2.0, 1.0])
    assert verdict == Verdict(CEILING, "0.50 of nginx", met=True)


def test_a_rival_without_supervisor_does_not_count_among_the_supervised() -> None:
    assert found(SUPERVISED, tonnage_sync=[2.0], bjoern=[1.0], fastwsgi=[1.0], nginx=[1.0]).met


def test_a_rival_that_failed_is_named() -> None:
    verdict = found(SUPERVISED, tonnage_sync=[2.0], granian=[0.0])
    assert verdict.met
    assert "granian could not do it" in verdict.found


@pytest.mark.parametrize("promise", ["Memory of supervisor and 4 workers: not above Gunicorn's", SUPERVISED])
def test_what_was_not_measured_is_neither_met_nor_not(promise: str) -> None:
    assert next(verdict for verdict in verdicts(Results({}, {})) if verdict.promise == promise).word == "not measured"
