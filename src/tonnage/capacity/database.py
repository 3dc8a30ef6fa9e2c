"""How many database connections a worker may open, and how many the server of the database allows.

A budget belongs to one database server: aliases and engines that share one add up. `databases.py` finds them in a
loaded application; `by_hand` is for those that cannot be asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from tonnage.capacity.model import Database


@dataclass(frozen=True, slots=True)
class Client:
    """One thing in a worker that opens connections: an alias of Django, an engine of SQLAlchemy."""

    name: str
    pool: int | None  # the most it opens in a process; None: one for each thread

    def connections(self, threads: int, *, is_async: bool) -> int:
        """A thread holds one at a time; coroutines hold as many as the pool gives."""
        if is_async:
            return self.pool or 1
        return threads if self.pool is None else min(threads, self.pool)


@dataclass(frozen=True, slots=True)
class Budget:
    server: str  # as an operator calls it: postgresql at db:5432
    clients: tuple[Client, ...]
    limit: int | None  # max_connections; None: could not be read
    reserved: int = 0  # for superusers
    taken: int = 0  # by other clients, when it was read
    each: int | None = None  # connections of a worker, set by hand
    notes: tuple[str, ...] = ()

    def per_worker(self, threads: int, is_async: bool = False) -> int:
        if self.each is not None:
            return self.each
        return sum(client.connections(threads, is_async=is_async) for client in self.clients)

    def opened(self, threads: int, *, is_async: bool, replicas: int) -> Database:
        """As the model has it, for workers of so many threads."""
        each = self.per_worker(threads, is_async)
        return Database(f"max_connections of {self.server}", self.limit, self.reserved + self.taken, each, replicas)

    def as_object(self) -> dict[str, object]:
        return asdict(self)


def by_hand(connections: int, each: int | None, reserved: int) -> Budget:
    """From flags; `each` None: one for each thread."""
    return Budget("the database (by --db-connections)", (Client("flags", None),), connections, reserved, each=each)


def from_object(found: Mapping[str, object]) -> Budget:
    said = dict(found)
    clients = said.pop("clients")
    assert isinstance(clients, Iterable)
    notes = said.pop("notes", ())
    assert isinstance(notes, Iterable)
    return Budget(**said, clients=tuple(Client(**each) for each in clients), notes=tuple(notes))  # type: ignore[arg-type]
