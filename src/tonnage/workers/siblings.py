"""The other workers of this server, as the scoreboard shows them."""

from __future__ import annotations

from tonnage.system.scoreboard import Cell, Scoreboard, WorkerState


class Siblings:
    __slots__ = ("_own", "_scoreboard")

    def __init__(self, scoreboard: Scoreboard, own_slot: int) -> None:
        self._scoreboard = scoreboard
        self._own = own_slot

    def _ready(self) -> list[int]:
        peek = self._scoreboard.peek
        slots = range(self._scoreboard.slots)
        return [slot for slot in slots if slot != self._own and peek(slot, Cell.STATE) == WorkerState.READY]

    def exist(self) -> bool:
        """Somebody else could serve a request sooner."""
        return bool(self._ready())

    def are_full(self, connections: int) -> bool:
        """None of them may take another connection either."""
        peek = self._scoreboard.peek
        return all(peek(slot, Cell.CONNECTIONS) >= connections for slot in self._ready())
