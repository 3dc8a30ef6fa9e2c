"""Who hangs is seen from outside, and nobody is taken for hung because it was us who stood still."""

import logging
import time
from types import SimpleNamespace
from typing import cast

from tonnage.supervisor.crew import Crew
from tonnage.supervisor.evidence import Evidence
from tonnage.supervisor.facts import WorkerHung
from tonnage.supervisor.savings import Savings
from tonnage.supervisor.watch import EVERY_S, Watch
from tonnage.system.scoreboard import Cell, Scoreboard


def watching(silent_s: float) -> Watch:
    """One worker that may take 5 s, and whose loop has not turned for so long."""
    board = Scoreboard(slots=1, threads=1)
    board.slot(0).cells[Cell.BEAT_NS] = time.monotonic_ns() - int(silent_s * 1e9)
    release = SimpleNamespace(scoreboard=board, settings=SimpleNamespace(timeout_s=5.0))
    cradle = SimpleNamespace(release=release, rules=SimpleNamespace(total_memory=0), has_zygote=False)
    member = SimpleNamespace(age=1, slot=0, generation=1, pid=0, cradle=cradle, sample=None, sampled_at=0.0)
    crew = cast(Crew, SimpleNamespace(members={1: member}))
    return Watch(crew, Evidence(None), Savings(logging.getLogger("test")))


def hung(watch: Watch, late_s: float) -> list[int]:
    """Who is taken for hung at a look that comes so late."""
    watch.next_at = 100.0
    return [fact.age for fact in watch.look(100.0 + late_s, {1}) if isinstance(fact, WorkerHung)]


def test_who_is_silent_for_longer_than_it_may_is_hung() -> None:
    assert hung(watching(silent_s=6), 0.0) == []
    assert hung(watching(silent_s=20), 0.0) == [1]


def test_for_as_long_as_nobody_looked_nobody_is_blamed_and_who_hung_before_is_though_every_look_is_late() -> None:
    assert hung(watching(silent_s=20), 15.0) == []
    assert hung(watching(silent_s=20), 2 * EVERY_S) == [1]
