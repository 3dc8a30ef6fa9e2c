"""What `tonnage doctor` has to say about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    OK = "ok"
    NOTE = "note"  # worth knowing; nobody has to act
    CAP = "CAP"  # a limit binds below what is asked for
    RISK = "RISK"  # it works until it hurts: a contradiction, or a door left open
    UNKNOWN = "?"  # it could not be found out


BINDING = frozenset({Verdict.CAP, Verdict.RISK})  # with --strict these fail


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    verdict: Verdict
    effective: str
    requested: str = ""  # empty where nobody asks for anything
    because: str = ""  # what makes it so, or what follows
    source: str = ""  # the file or the call that says so
    remedy: str = ""  # the line to write or the command to type

    def __str__(self) -> str:
        figures = f"{self.requested} requested, {self.effective} effective" if self.requested else self.effective
        return figures + (self.because and f": {self.because}") + (self.source and f" ({self.source})")

    def as_object(self) -> dict[str, str]:
        return {
            "name": self.name,
            "verdict": self.verdict.name.lower(),
            "requested": self.requested,
            "effective": self.effective,
            "because": self.because,
            "source": self.source,
            "remedy": self.remedy,
        }


def size(octets: float) -> str:
    """As an operator writes it: 512 MiB, 1.5 GiB."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if octets >= 1 << power:
            return (
                f"{octets / (1 << power):.3g} {unit}"
                if octets < 1000 << power
                else f"{octets / (1 << power):.0f} {unit}"
            )
    return f"{octets:.0f} B"
