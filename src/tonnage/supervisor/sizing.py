"""Weigh the first worker of a generation, so that it can be known how many there are to be.

When it is ready it has loaded the application, and answered the request of health_path if there is one. What it takes
is read once, here; what follows from that says Release.size, which is serve.py's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from tonnage.supervisor.cradle import Member
from tonnage.supervisor.settings import Warm
from tonnage.supervisor.state import NO_SLOT
from tonnage.system import memory, processes

# Of the pages that a worker shares with who forked it, those it comes to write to: what a cache-heavy application wrote
# to of what it shared with its zygote, after gc.freeze. `tonnage footprint` measures it for any other.
WRITTEN = 0.3


def weigh(worker: Member, everybody: Iterable[Member], before: int | None) -> Warm:
    """`before` is the supervisor that this one is the heir of. Raises OSError when the worker is gone, or no /proc."""
    sample = memory.measure(worker.pid)
    anonymous = memory.anonymous(worker.pid)
    members = [member for member in everybody if member.pid and not member.reaped]
    zygote = [each.pid for each in members if each.slot == NO_SLOT and each.generation == worker.generation]
    pids = {os.getpid(), *(member.pid for member in members)}
    return Warm(
        first=sample.pss,
        further=sample.pss if anonymous is None else _of_the_next(anonymous),
        server=_sum([os.getpid(), *zygote]),
        all=_sum(pids | (set(processes.family(before)) if before is not None else set())),
        preload=worker.cradle.has_zygote,
        generation=worker.generation,
        is_asgi=worker.is_asgi,
    )


def _of_the_next(first: memory.Anonymous) -> int:
    """Of what is in no file the next one takes again what it does not share, and of the rest what it writes to."""
    own = max(0, 2 * first.pss - first.rss)  # shared by two, as long as there is no other worker
    return own + round(WRITTEN * (first.rss - own))


def _sum(pids: Iterable[int]) -> int:
    total = 0
    for pid in pids:
        with suppress(OSError):  # gone meanwhile, or it cannot be seen: then it counts as somebody else's
            total += memory.measure(pid).share
    return total
