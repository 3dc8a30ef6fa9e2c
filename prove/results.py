"""What the shows have found, as data that can be written to JSON and read back.

The quiet p99 of a server is that of all its quiet times together: before each show, of the same kind.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .outcomes import percentile

WITHIN = 3.0  # times the quiet p99
FEWEST = 200  # latencies, or their p99 says nothing


@dataclass(frozen=True, slots=True)
class Result:
    seconds: float = 0.0  # of load
    requests: int = 0
    lost: int = 0
    excused: int = 0  # failed, but nobody could have helped it; scenarios.py says why
    outcomes: dict[str, int] = field(default_factory=dict)  # of the failures, excused or not
    failures: list[str] = field(default_factory=list)  # the first of them, in words
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    slowest: list[str] = field(default_factory=list)  # in words
    late_p99_ms: float = 0.0  # the client's own share of all these
    measured: int = 0  # latencies that these are made of
    answered_by: int = 0  # processes
    notes: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    trouble: str = ""  # why it could not be shown


@dataclass(slots=True)
class Results:
    """`shows[scenario][peer]`; `quiet_p99_ms[peer][kind of show]`; the latencies themselves are not kept in JSON."""

    about: dict[str, str]
    versions: dict[str, str]
    shows: dict[str, dict[str, Result]] = field(default_factory=dict)
    quiet_p99_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    _quiet_ms: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, scenario: str, peer: str, found: Result, kind: str, quiet_ms: list[float]) -> None:
        self.shows.setdefault(scenario, {})[peer] = found
        pool = self._quiet_ms.setdefault((peer, kind), [])
        pool += quiet_ms
        if len(pool) >= FEWEST:
            self.quiet_p99_ms.setdefault(peer, {})[kind] = percentile(pool, 99)

    def ratio(self, scenario: str, peer: str, kind: str) -> float | None:
        """Of the p99 while it happened to the quiet one."""
        found = self.shows[scenario][peer]
        quiet = self.quiet_p99_ms.get(peer, {}).get(kind)
        return found.p99_ms / quiet if quiet and found.measured >= FEWEST else None

    def save(self, path: Path) -> None:
        facts = {name: value for name, value in asdict(self).items() if not name.startswith("_")}
        path.write_text(json.dumps(facts, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        data = json.loads(path.read_text())
        data["shows"] = {
            scenario: {peer: Result(**found) for peer, found in peers.items()}
            for scenario, peers in data["shows"].items()
        }
        return cls(**data)
