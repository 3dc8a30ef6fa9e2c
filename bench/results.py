"""Rounds, medians and ratios: what was measured, as data that can be written to JSON and read back."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Round:
    values: dict[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()
    failure: str = ""  # why there are no values
    disturbed: float = 0.0


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(slots=True)
class Results:
    """`rounds[case][peer]` holds one Round a round, so that what was measured in the same round can be compared."""

    about: dict[str, str]
    versions: dict[str, str]
    rounds: dict[str, dict[str, list[Round]]] = field(default_factory=dict)

    def add(self, case: str, peer: str, found: Round) -> None:
        self.rounds.setdefault(case, {}).setdefault(peer, []).append(found)

    def figure(self, case: str, peer: str, metric: str) -> Spread | None:
        values = [found.values[metric] for found in self._of(case, peer) if metric in found.values]
        return Spread.over(values) if values else None

    def ratio(self, case: str, peer: str, to: str, metric: str) -> Spread | None:
        """`peer` divided by `to`, each round by itself: what disturbs a round disturbs both."""
        pairs = zip(self._of(case, peer), self._of(case, to), strict=False)
        ratios = [a.values[metric] / b.values[metric] for a, b in pairs if metric in a.values and b.values.get(metric)]
        return Spread.over(ratios) if ratios else None

    def remarks(self, case: str, peer: str) -> list[str]:
        """Notes, and the reason of every round without values; each once."""
        found = self._of(case, peer)
        failed = [one for one in found if one.failure]
        share = "" if len(failed) == len(found) else f"{len(failed)} of {len(found)} rounds failed: "
        return list(
            dict.fromkeys([note for one in found for note in one.notes] + [share + one.failure for one in failed])
        )

    def disturbed(self) -> list[float]:
        tried = (found for peers in self.rounds.values() for found in peers.values())
        return [one.disturbed for found in tried for one in found if one.values]

    def has(self, case: str, peer: str) -> bool:
        """Whether it was tried at all, with whatever outcome."""
        return bool(self._of(case, peer))

    def _of(self, case: str, peer: str) -> list[Round]:
        return self.rounds.get(case, {}).get(peer, [])

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Results":
        data = json.loads(path.read_text())
        rounds = {
            case: {peer: [Round(**one) for one in found] for peer, found in peers.items()}
            for case, peers in data["rounds"].items()
        }
        return cls(data["about"], data["versions"], rounds)
