"""Which generation listens where. A listener is shared by all that have its address, and closed with the last."""

from __future__ import annotations

from collections.abc import Sequence

from tonnage.supervisor.settings import Release
from tonnage.system.listeners import Listener, close_listeners


class Berths:
    def __init__(self, inherited: Sequence[Listener] = ()) -> None:
        """`inherited` are those of a supervisor that serves beside us; what of them is not wanted is closed."""
        self.shared = bool(inherited)  # with another supervisor: the files of Unix sockets are not ours to remove
        self._open = {id(listener): listener for listener in inherited}  # by id(): two may have the same address
        self._users: list[list[Listener]] = []

    def open(self, release: Release) -> list[Listener]:
        """Those of its addresses, shared where they are open already. Raises BindError: then nothing has changed."""
        known = list(self._open.values())
        new = release.listen([each for each in release.addresses if not any(each == old.address for old in known)])
        self._open |= {id(listener): listener for listener in new}
        listeners = [next(each for each in (*new, *known) if each.address == wanted) for wanted in release.addresses]
        self._users.append(listeners)
        return listeners

    @property
    def all(self) -> list[Listener]:
        return list(self._open.values())

    def leave(self, listeners: list[Listener]) -> None:
        """Close what nobody else uses."""
        self._users = [user for user in self._users if user is not listeners]
        used = {id(listener) for user in self._users for listener in user}
        unused = [listener for key, listener in self._open.items() if key not in used]
        self._open = {key: listener for key, listener in self._open.items() if key in used}
        close_listeners(unused, unlink=not self.shared)

    def close(self) -> None:
        close_listeners(self._open.values(), unlink=not self.shared)
        self._open.clear()
        self._users.clear()

    def close_others(self, listeners: list[Listener]) -> None:
        """In a forked child: those of other generations."""
        mine = {id(listener) for listener in listeners}
        close_listeners((each for key, each in self._open.items() if key not in mine), unlink=False)
