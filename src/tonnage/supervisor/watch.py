"""Look at the workers from outside, now and then: those that can say nothing any more, and what all of them take.

A worker explains its own overdue requests (workers/watchdog.py). When it cannot, since compiled code holds the
interpreter, its row of the scoreboard still tells; so does its heartbeat, when it is the loop that hangs.

One worker a second is weighed, an idle one if there is one: reading smaps_rollup keeps a process from mapping memory
for about a millisecond for each 100 MB.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain

from tonnage.supervisor.cradle import Member
from tonnage.supervisor.crew import Crew
from tonnage.supervisor.evidence import Evidence, described
from tonnage.supervisor.facts import Fact, Weighed, Weight, WorkerHung
from tonnage.supervisor.savings import Savings
from tonnage.supervisor.state import NO_SLOT
from tonnage.system import memory
from tonnage.system.scoreboard import Reading

EVERY_S = 1.0
SLACK_S = 2.0  # the worker's own watchdog comes first
WEIGH_S = 5.0  # between two samples of one worker
BUSY_WEIGH_S = 15.0  # and of one that is never idle


class Watch:
    def __init__(self, crew: Crew, evidence: Evidence, savings: Savings) -> None:
        self._crew = crew
        self._evidence = evidence
        self._savings = savings
        self._warned = False
        self.next_at = 0.0

    def look(self, now: float, serving: Collection[int]) -> Iterable[Fact]:
        """`serving`: ages of those who are ready."""
        if now < self.next_at:
            return ()
        late_s = now - self.next_at if self.next_at else 0.0  # the machine stood still, or we: so may they have
        self.next_at = now + EVERY_S
        self._evidence.look()
        members = [member for member in self._crew.members.values() if member.age in serving]
        self._savings.look(members, self._crew.members.values(), now)
        readings = {member.age: member.cradle.release.scoreboard.read(member.slot) for member in members}
        hung = (fact for member in members if (fact := _hung(member, readings[member.age], late_s)) is not None)
        return list(chain(hung, self._weigh(members, readings, now)))

    def _weigh(self, members: list[Member], readings: dict[int, Reading], now: float) -> Iterator[Fact]:
        chosen = _next(members, readings, now)
        if chosen is None:
            return
        _sample(chosen, now)
        others = [member for member in self._crew.members.values() if member.slot == NO_SLOT]
        for zygote in others:
            if now - zygote.sampled_at >= BUSY_WEIGH_S:
                _sample(zygote, now)
        weights = tuple(
            Weight(member.age, member.sample.share, not readings[member.age].busy)
            for member in members
            if member.sample is not None
        )
        yield Weighed(weights, self._others(members, others))

    def _others(self, workers: list[Member], zygotes: list[Member]) -> int | None:
        samples = [member.sample for member in (*workers, *zygotes) if member.sample is not None]
        if all(sample.pss is not None for sample in samples):
            return _own() + sum(zygote.sample.share for zygote in zygotes if zygote.sample is not None)
        if not self._warned and any(member.cradle.rules.total_memory for member in workers):
            self._warned = True
            workers[0].cradle.log.warning(
                "What all workers take together cannot be measured: this process may not read their smaps_rollup (it "
                "needs CAP_SYS_PTRACE where workers run as another user). --max-total-memory has no effect, and "
                "--max-worker-memory goes by RSS."
            )
        return None


def _next(members: list[Member], readings: dict[int, Reading], now: float) -> Member | None:
    due = sorted((each for each in members if now - each.sampled_at >= WEIGH_S), key=lambda each: each.sampled_at)
    idle = next((member for member in due if not readings[member.age].busy), None)
    return idle or next((member for member in due if now - member.sampled_at >= BUSY_WEIGH_S), None)


def _sample(member: Member, now: float) -> None:
    with suppress(OSError):  # just gone, or there is no /proc
        member.sample = memory.measure(member.pid)
    member.sampled_at = now


def _own() -> int:
    with suppress(OSError):
        return memory.measure(os.getpid()).share
    return 0


def _hung(member: Member, reading: Reading, late_s: float) -> WorkerHung | None:
    limit_s = member.cradle.release.settings.timeout_s
    if limit_s <= 0 or reading.beat_ns == 0:
        return None
    patience_ns = (limit_s + SLACK_S + late_s) * 1e9
    now_ns = time.monotonic_ns()
    held = [busy for busy in reading.busy if not busy.suspended]  # the worker's own loop looks after the others
    overdue = [busy for busy in held if now_ns - busy.since_ns > patience_ns]
    if overdue:
        return WorkerHung(member.age, f"it has had {'; '.join(map(described, overdue))} (limit: --timeout {limit_s:g})")
    if not held and now_ns - reading.beat_ns > patience_ns:
        silent_s = (now_ns - reading.beat_ns) / 1e9
        return WorkerHung(member.age, f"its loop has not turned for {silent_s:.1f} s (limit: --timeout {limit_s:g})")
    return None
