"""What a show has found, as data that can be written to JSON and read back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

WITHIN = 3.0  # times the quiet p99


@dataclass(frozen=True, slots=True)
class Result:
    requests: int = 0
    lost: int = 0
    excused: int = 0  # failed, but nobody could have helped it; scenarios.py says why
    outcomes: dict[str, int] = field(default_factory=dict)  # of the failures, excused or not
    failures: list[str] = field(default_factory=list)  # the first of them, in words
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    quiet_p99_ms: float = 0.0
    late_p99_ms: float = 0.0  # the client's own share of all these
    workers: int = 0  # processes that have answered
    notes: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    disturbed: float = 0.0  # share of one core that others took meanwhile
    trouble: str = ""  # why it could not be shown

    @property
    def ratio(self) -> float:
        return self.p99_ms / self.quiet_p99_ms if self.quiet_p99_ms else 0.0

    @property
    def is_kept(self) -> bool:
        """The promise: nothing lost, and nobody waited."""
        return not self.trouble and not self.lost and not self.flaws and self.ratio <= WITHIN


@dataclass(slots=True)
class Results:
    """`shows[scenario][peer]`."""

    about: dict[str, str]
    versions: dict[str, str]
    shows: dict[str, dict[str, Result]] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        data = json.loads(path.read_text())
        shows = {
            scenario: {peer: Result(**found) for peer, found in peers.items()}
            for scenario, peers in data["shows"].items()
        }
        return cls(data["about"], data["versions"], shows)
