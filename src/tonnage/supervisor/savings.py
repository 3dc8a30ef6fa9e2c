"""Say once, for each generation that is forked from a zygote, what that saves. Measured, when the workers are warm.

Compared is the memory that is in no file: libraries are shared with and without a zygote.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from tonnage.supervisor.cradle import Member
from tonnage.supervisor.state import NO_SLOT
from tonnage.system.memory import anonymous

WARM_S = 10.0  # the first requests write into many pages that are never written again
MIB = 1 << 20


class Savings:
    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._since: dict[int, float] = {}  # when a worker was first seen to serve
        self._told: set[int] = set()

    def look(self, serving: Iterable[Member], everybody: Iterable[Member], now: float) -> None:
        workers = [member for member in serving if member.cradle.has_zygote]
        self._since = {member.age: self._since.get(member.age, now) for member in workers}
        for generation in {member.generation for member in workers} - self._told:
            ours = [member for member in workers if member.generation == generation]
            if len(ours) > 1 and all(now - self._since[member.age] >= WARM_S for member in ours):
                self._told.add(generation)
                zygotes = [each for each in everybody if each.generation == generation and each.slot == NO_SLOT]
                self._tell(ours, zygotes)

    def _tell(self, workers: list[Member], zygotes: list[Member]) -> None:
        alone = [found for member in workers if (found := anonymous(member.pid)) is not None]
        shared = [found for member in zygotes if (found := anonymous(member.pid)) is not None]
        if len(alone) < len(workers) or not shared:
            return
        instead = sum(each.rss for each in alone)
        taken = sum(each.pss for each in (*alone, *shared))
        self._log.info(
            "preload_app: %d workers and their zygote take %.1f MiB, alone the workers would take %.1f MiB: %.0f %% "
            "saved.",
            len(workers),
            taken / MIB,
            instead / MIB,
            100 * (1 - taken / instead),
        )
