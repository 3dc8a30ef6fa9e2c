"""One limit that workers use up: how many it carries, by which formula, and how much more of it carries one more.

All that is counted comes in whole units (octets, connections, descriptors, tasks), so that "raise X by Y to get one
more worker" is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """One limit, and what it allows."""

    name: str  # cpu, memory, connections, files, tasks
    what: str  # as an operator calls the limit
    workers: int | None  # None: this limits nothing
    formula: str
    figures: str  # the formula with its numbers
    source: str
    raise_by: int = 0  # in `unit`, to get exactly one more worker out of this term
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """fixed + each x (workers + spare) <= cap x percent / 100, all whole numbers.

    The formula and its figures are written from the parts that are counted with, by their names.
    """

    name: str
    what: str
    cap: int | None  # None: not known
    fixed: Mapping[str, int]  # whatever the number of workers
    each: Mapping[str, int]  # of a worker
    spare: Mapping[str, int]  # workers that live besides those that are wanted
    cap_name: str = "limit"
    percent: int = 100
    replicas: int | None = None  # None: nobody else's workers draw on it
    source: str
    unit: str
    unknown: str = "no limit is known"
    write: Callable[[int], str] = str

    @property
    def term(self) -> Term:
        if self.cap is None:
            return Term(self.name, self.what, None, self._formula(), self.unknown, self.source)
        carried, figures = self.workers(self.cap), self._figures(self.cap)
        missing = self.missing(self.cap)
        return Term(self.name, self.what, carried, self._formula(), figures, self.source, missing, self.unit)

    def workers(self, cap: int) -> int:
        room = cap * self.percent // 100 - sum(self.fixed.values())
        return max(0, room // self._one - sum(self.spare.values()))

    def missing(self, cap: int) -> int:
        """How much the cap must grow for exactly one worker more."""
        alive = self.workers(cap) + 1 + sum(self.spare.values())
        needed = sum(self.fixed.values()) + self._one * alive
        return -(-needed * 100 // self.percent) - cap

    @property
    def _one(self) -> int:
        return max(1, sum(self.each.values())) * (self.replicas or 1)

    def _formula(self) -> str:
        usable = self.cap_name + (" x (1 - reserve)" if self.percent < 100 else "")
        one = [*(["replicas"] if self.replicas else []), _sum(self.each)]
        return _written([usable, *self.fixed], " x ".join(one), self.spare)

    def _figures(self, cap: int) -> str:
        usable = self.write(cap) + (f" x {self.percent} %" if self.percent < 100 else "")
        one = [*([str(self.replicas)] if self.replicas else []), _sum(map(self.write, self.each.values()))]
        return _written([usable, *map(self.write, self.fixed.values())], " x ".join(one), map(str, self.spare.values()))


def _sum(parts: Iterable[str]) -> str:
    return " + ".join(parts)


def _written(room: Iterable[str], one: str, spare: Iterable[str]) -> str:
    one = f"({one})" if " + " in one or " x " in one else one
    return " - ".join((f"floor(({' - '.join(room)}) / {one})", *spare))


def mib(octets: int) -> str:
    return f"{octets / (1 << 20):.1f} MiB"
