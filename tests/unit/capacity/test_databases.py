"""Which databases a loaded application has: real engines of SQLAlchemy, and Django as it looks from outside."""

import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Self

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tonnage.capacity import databases
from tonnage.capacity.database import Budget, Client, by_hand, from_object

NOWHERE = "postgresql+psycopg://u:secret@127.0.0.1:1/db?connect_timeout=1"

# -- how many ----------------------------------------------------------------------------------------------------------


def test_a_thread_holds_one_connection_and_a_pool_is_the_most_there_are() -> None:
    assert Client("x", None).connections(8, is_async=False) == 8
    assert Client("x", 15).connections(8, is_async=False) == 8
    assert Client("x", 4).connections(8, is_async=False) == 4


def test_coroutines_take_what_the_pool_gives() -> None:
    assert Client("x", 15).connections(1, is_async=True) == 15


def test_aliases_on_one_server_add_up_and_a_number_set_by_hand_wins() -> None:
    budget = Budget("here", (Client("a", None), Client("b", 2)), 20)
    assert budget.per_worker(4) == 6
    assert by_hand(20, 3, 2).per_worker(4) == 3
    assert by_hand(20, None, 2).per_worker(4) == 4


def test_a_budget_survives_json_and_says_what_is_opened() -> None:
    budget = Budget("here", (Client("a", None),), 20, 3, 2, notes=("n",))
    assert from_object(budget.as_object()) == budget
    opened = budget.opened(4, is_async=False, replicas=3)
    assert (opened.limit, opened.taken, opened.each, opened.replicas) == (20, 5, 4, 3)


# -- SQLAlchemy --------------------------------------------------------------------------------------------------------


def test_an_engine_is_found_with_its_pool_and_its_password_is_not_told() -> None:
    engine = create_engine(NOWHERE, pool_size=3, max_overflow=4)
    (budget,) = databases.budgets()
    assert budget.server == "postgresql at 127.0.0.1:1"
    assert budget.clients == (
        Client("SQLAlchemy engine postgresql+psycopg://u:***@127.0.0.1:1/db?connect_timeout=1", 7),
    )
    assert budget.limit is None
    assert "could not be asked" in budget.notes[0]
    assert "secret" not in repr(budget)
    engine.dispose()


@pytest.mark.parametrize("options", [{"poolclass": NullPool}, {"max_overflow": -1}])
def test_an_engine_without_a_bound_opens_one_for_each_thread(options: Mapping[str, Any]) -> None:
    engine = create_engine(NOWHERE, **options)
    (budget,) = databases.budgets()
    assert budget.clients[0].pool is None
    engine.dispose()


def test_sqlite_has_no_server() -> None:
    engine = create_engine("sqlite://")
    assert databases.budgets() == []
    engine.dispose()


# -- Django ------------------------------------------------------------------------------------------------------------


class Cursor:
    def __init__(self, rows: Mapping[str, Sequence[Any]]) -> None:
        self.rows = rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        self.row = next(row for part, row in self.rows.items() if part in statement)

    def fetchone(self) -> Sequence[Any]:
        return self.row


class Connection:
    def __init__(self, vendor: str, rows: Mapping[str, Sequence[Any]], **settings: object) -> None:
        self.vendor = vendor
        self.settings_dict = {"HOST": "db", "PORT": 5432, "OPTIONS": {}, **settings}
        self.rows = rows

    def cursor(self) -> Cursor:
        return Cursor(self.rows)


@contextmanager
def django(monkeypatch: pytest.MonkeyPatch, **aliases: Connection) -> Iterator[None]:
    module = ModuleType("django.db")
    vars(module)["connections"] = aliases
    monkeypatch.setitem(sys.modules, "django.db", module)
    yield
    monkeypatch.undo()


POSTGRES = {"pg_settings": (20, 3), "pg_stat_activity": (2, 5), "rolconnlimit": (-1, -1)}


def test_each_alias_is_one_connection_a_thread_and_the_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with django(monkeypatch, default=Connection("postgresql", POSTGRES), lite=Connection("sqlite", {})):
        (budget,) = databases.budgets()
    assert budget.server == "postgresql at db:5432"
    assert budget.clients == (Client("Django alias default", None),)
    assert (budget.limit, budget.reserved, budget.taken) == (20, 3, 2)
    assert budget.notes == ("5 connections of the same role to the same database are taken for this application's own",)


def test_two_aliases_on_one_server_are_one_budget_on_two_servers_two(monkeypatch: pytest.MonkeyPatch) -> None:
    same = Connection("postgresql", POSTGRES)
    with django(monkeypatch, a=same, b=same, c=Connection("postgresql", POSTGRES, HOST="other")):
        one, other = databases.budgets()
    assert (one.per_worker(4), other.per_worker(4)) == (8, 4)


@pytest.mark.parametrize(
    ("pool", "size"), [({"min_size": 2, "max_size": 6}, 6), ({"min_size": 2}, 2), (True, 4), (None, None)]
)
def test_a_pool_of_django_bounds_a_process(monkeypatch: pytest.MonkeyPatch, pool: object, size: int | None) -> None:
    with django(monkeypatch, default=Connection("postgresql", POSTGRES, OPTIONS={"pool": pool})):
        (budget,) = databases.budgets()
    assert budget.clients[0].pool == size


def test_the_limit_of_a_role_binds_where_it_is_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {**POSTGRES, "rolconnlimit": (5, -1)}
    with django(monkeypatch, default=Connection("postgresql", rows)):
        (budget,) = databases.budgets()
    assert (budget.limit, budget.reserved, budget.taken) == (5, 0, 0)


def test_mysql_is_asked_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: dict[str, Sequence[Any]] = {
        "max_connections": (151, 0),
        "Threads_connected": ("Threads_connected", "7"),
        "processlist": (3,),
    }
    with django(monkeypatch, default=Connection("mysql", rows, PORT="")):
        (budget,) = databases.budgets()
    assert (budget.server, budget.limit, budget.taken) == ("mysql at db", 151, 4)
    assert budget.notes == ("2 connections of the same account are taken for this application's own",)


def test_a_database_that_does_not_answer_is_a_note_with_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead(Connection):
        def cursor(self) -> Cursor:
            raise OSError("connection refused")

    with django(monkeypatch, default=Dead("postgresql", {})):
        (budget,) = databases.budgets()
    assert budget.limit is None
    assert budget.notes == ("postgresql at db:5432 could not be asked for its limit: connection refused",)


def test_an_alias_without_its_driver_is_a_note_and_the_others_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Aliases(dict[str, Connection]):
        def __getitem__(self, alias: str) -> Connection:
            if alias == "broken":
                raise ImportError("no psycopg")
            return super().__getitem__(alias)

    module = ModuleType("django.db")
    good = Connection("postgresql", POSTGRES)
    vars(module)["connections"] = Aliases(broken=good, default=good)
    monkeypatch.setitem(sys.modules, "django.db", module)
    broken, asked = databases.budgets()
    assert (broken.server, broken.limit) == ("Django alias broken", None)
    assert broken.notes == ("Django alias broken cannot be used: no psycopg",)
    assert asked.limit == 20


def test_settings_that_cannot_be_read_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unset(dict[str, Connection]):
        def __iter__(self) -> Iterator[str]:
            raise ValueError("no settings")

    module = ModuleType("django.db")
    vars(module)["connections"] = Unset()
    monkeypatch.setitem(sys.modules, "django.db", module)
    told = list[str]()
    assert databases.budgets(told.append) == []
    assert told == ["Django's databases could not be looked at: no settings. Say their limit with --db-connections"]


def test_a_database_that_accepts_and_never_says_anything_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "PATIENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        engine = create_engine(f"postgresql+psycopg://u@127.0.0.1:{port}/db?sslmode=disable&gssencmode=disable")
        (budget,) = databases.budgets()
        assert budget.notes == (
            f"postgresql at 127.0.0.1:{port} could not be asked for its limit: no answer within 0.1 s",
        )
        silent.accept()[0].close()  # so that the thread ends
    engine.dispose()
