"""What caps the server at this moment, as `advise` sees it: said once an episode, and again if it lasts.

`advise` (capacity/advice.py, handed in by serve.py) sees an Overview every EVERY_S seconds and answers with what binds
now. The rules are its business; when an episode begins and ends, and how often the log hears of it, is decided here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from tonnage.control.overview import Advice, Overview

Advise = Callable[[Overview], Sequence[Advice]]

EVERY_S = 5.0
REPEAT_S = 600.0
SENTENCES = {"oversized": "Could be smaller (%s): %s", "leak": "Will be capped by memory (%s): %s"}
CALM_S = 60.0  # an episode ends when nothing was seen of it for so long


class Counsel:
    def __init__(self, advise: Advise | None, log: logging.Logger) -> None:
        self._advise = advise
        self._log = log
        self._said: dict[str, float] = {}  # when each was last logged
        self._seen: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._next_at = 0.0
        self.capped: tuple[Advice, ...] = ()

    def is_due(self, now: float) -> bool:
        return self._advise is not None and now >= self._next_at

    def take(self, seen: Overview, now: float) -> None:
        """`now` of CLOCK_MONOTONIC; times told to people are those of `seen`."""
        self._next_at = now + EVERY_S
        if self._advise is None:
            return
        try:
            advices = self._advise(seen)
        except Exception:  # noqa: BLE001  # a bug in a rule is no reason to stop serving
            self._log.error("The advice on capacity has a bug and is switched off. Please report it.", exc_info=True)
            self._advise, self.capped = None, ()
            return
        for name in [name for name, at in self._seen.items() if now - at >= CALM_S]:
            del self._seen[name], self._since[name], self._said[name]
        self.capped = tuple(self._noted(advice, seen.unix_s, now) for advice in advices)

    def _noted(self, advice: Advice, unix_s: float, now: float) -> Advice:
        name = advice.name
        self._seen[name] = now
        advice = replace(advice, since=self._since.setdefault(name, unix_s))
        if now - self._said.get(name, float("-inf")) >= REPEAT_S:
            self._said[name] = now
            self._log.warning(SENTENCES.get(name, "Capped by %s: %s"), name, advice.text)
        return advice
