"""Which databases a loaded application has, and what their servers allow: asked through its own driver.

Runs where the application is loaded: in the child of `tonnage plan`, never in a server. Nothing is imported that the
application has not imported itself. What cannot be read is None, with the reason in a note.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import Any

from tonnage.capacity.database import Budget, Client

Ask = Callable[[str], Sequence[Any]]  # SQL -> its first row
Read = tuple[int, int, int, tuple[str, ...]]  # limit, reserved, taken by others, notes

PATIENCE_S = 5.0  # for all that is asked of one server

PSYCOPG_POOL = 4  # psycopg_pool: min_size is 4, and max_size is min_size where it is not given


def budgets(tell: Callable[[str], object] = lambda _: None) -> list[Budget]:
    """One for each server; of two that name the same one, the connections add up.

    `tell` hears what could not be looked at.
    """
    found: dict[str, Budget] = {}
    for name, look in (("Django's databases", _django), ("SQLAlchemy's engines", _sqlalchemy)):
        try:
            for budget in look():
                known = found.get(budget.server)
                found[budget.server] = budget if known is None else _joined(known, budget)
        except Exception as exc:  # noqa: BLE001  # the application's own settings and classes
            tell(f"{name} could not be looked at: {_said(exc)}. Say their limit with --db-connections")
    return list(found.values())


def _joined(one: Budget, other: Budget) -> Budget:
    better = one if one.limit is not None else other
    notes = tuple(dict.fromkeys((*one.notes, *other.notes)))
    return Budget(one.server, (*one.clients, *other.clients), better.limit, better.reserved, better.taken, notes=notes)


# -- Django ------------------------------------------------------------------------------------------------------------


def _django() -> Iterator[Budget]:
    """DATABASES: each alias is one connection per thread (docs.djangoproject.com, ref/databases), or a pool."""
    module = sys.modules.get("django.db")
    if module is None:
        return
    for alias in module.connections:
        name = f"Django alias {alias}"
        try:
            connection = module.connections[alias]
        except Exception as exc:  # noqa: BLE001  # a driver that is not installed
            note = f"{name} cannot be used: {_said(exc)}"
            yield Budget(name, (Client(name, None),), None, notes=(note,))
            continue
        if connection.vendor not in SERVERS:
            continue
        settings = connection.settings_dict
        pool = settings.get("OPTIONS", {}).get("pool")
        client = Client(name, _pool_size(pool) if pool else None)
        place = _place(connection.vendor, settings.get("HOST"), settings.get("PORT"))
        yield _asked(place, client, connection.vendor, _django_row(module.connections, alias))


def _pool_size(pool: object) -> int:
    options: dict[str, int] = pool if isinstance(pool, dict) else {}
    return options.get("max_size") or options.get("min_size") or PSYCOPG_POOL


def _django_row(connections: Any, alias: str) -> Ask:  # noqa: ANN401  # Django has no types
    """Its connections belong to threads: the one that asks takes its own."""

    def ask(statement: str) -> Sequence[Any]:
        with connections[alias].cursor() as cursor:
            cursor.execute(statement)
            row: Sequence[Any] = cursor.fetchone()
            return row

    return ask


# -- SQLAlchemy --------------------------------------------------------------------------------------------------------


def _sqlalchemy() -> Iterator[Budget]:
    """Engines that are alive, wherever they are kept: pool_size + max_overflow each (docs.sqlalchemy.org, pooling)."""
    module = sys.modules.get("sqlalchemy.engine")
    if module is None:
        return
    wrapped = {id(each.sync_engine) for each in _alive("sqlalchemy.ext.asyncio", "AsyncEngine")}
    for engine in _alive("sqlalchemy.engine", "Engine"):
        vendor = {"mariadb": "mysql"}.get(engine.dialect.name, engine.dialect.name)
        if vendor not in SERVERS:
            continue
        client = Client(f"SQLAlchemy engine {engine.url.render_as_string(hide_password=True)}", _engine_pool(engine))
        place = _place(vendor, engine.url.host or _socket(engine), engine.url.port)
        if id(engine) in wrapped:
            yield Budget(place, (client,), None, notes=(f"{client.name} is asynchronous and was not asked",))
        else:
            yield _asked(place, client, vendor, _engine_row(engine))


def _alive(module: str, name: str) -> list[Any]:
    kind = getattr(sys.modules.get(module), name, None)
    gc.collect()  # those that nobody holds any more
    return [] if kind is None else [each for each in gc.get_objects() if type(each) is kind]


def _engine_pool(engine: Any) -> int | None:  # noqa: ANN401  # the application's SQLAlchemy, not ours
    size = getattr(engine.pool, "size", None)
    overflow = getattr(engine.pool, "_max_overflow", 0)
    if size is None or overflow < 0:  # NullPool and the like; -1 is without end
        return None
    return int(size()) + int(overflow)


def _socket(engine: Any) -> str | None:  # noqa: ANN401
    """Where libpq and the drivers of MySQL want the path of one."""
    query = engine.url.query
    path: str | None = query.get("host") or query.get("unix_socket")
    return path


def _engine_row(engine: Any) -> Ask:  # noqa: ANN401
    def ask(statement: str) -> Sequence[Any]:
        with engine.connect() as connection:
            row: Sequence[Any] = connection.exec_driver_sql(statement).fetchone()
            return row

    return ask


# -- servers -----------------------------------------------------------------------------------------------------------


def _place(vendor: str, host: object, port: object) -> str:
    return f"{vendor} at {host or 'the default socket'}{f':{port}' if port else ''}"


def _asked(place: str, client: Client, vendor: str, ask: Ask) -> Budget:
    try:
        limit, reserved, taken, notes = _within(PATIENCE_S, partial(SERVERS[vendor], ask))
    except Exception as exc:  # noqa: BLE001  # any driver's error; what it says is the finding
        return Budget(place, (client,), None, notes=(f"{place} could not be asked for its limit: {_said(exc)}",))
    return Budget(place, (client,), limit, reserved, taken, notes=notes)


def _within(patience_s: float, read: Callable[[], Read]) -> Read:
    """In a thread, since a driver in C hears no signal. One that never returns is left to the end of the process."""
    answer = Future[Read]()

    def run() -> None:
        try:
            answer.set_result(read())
        except BaseException as exc:  # noqa: BLE001  # for whoever waits
            answer.set_exception(exc)

    Thread(target=run, daemon=True).start()
    try:
        return answer.result(patience_s)
    except TimeoutError:
        if answer.done():  # its own
            raise
        raise TimeoutError(f"no answer within {patience_s:g} s") from None


def _said(exc: BaseException) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__


def postgresql(ask: Ask) -> Read:
    """max_connections, less what superusers keep; or the limit of the role or the database, where that is smaller.

    Connections of the same role to the same database may be this application's own, running now: they are not counted
    as others. (PostgreSQL: runtime-config-connection, view-pg-roles, monitoring-stats)
    """
    limit, reserved = ask(
        "select max(case when name = 'max_connections' then setting::int end), "
        "coalesce(sum(case when name <> 'max_connections' then setting::int end), 0) "
        "from pg_catalog.pg_settings "
        "where name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
    )
    others, alike = ask(
        "select coalesce(sum(case when usename <> current_user or datname <> current_database() then 1 else 0 end), 0),"
        " coalesce(sum(case when usename = current_user and datname = current_database() then 1 else 0 end), 0) - 1 "
        "from pg_catalog.pg_stat_activity where datname is not null and usename is not null"
    )
    role, base = ask(
        "select (select rolconnlimit from pg_catalog.pg_roles where rolname = current_user),"
        " (select datconnlimit from pg_catalog.pg_database where datname = current_database())"
    )
    notes = []
    if alike > 0:
        notes.append(f"{alike} connections of the same role to the same database are taken for this application's own")
    own = [each for each in (role, base) if each is not None and each >= 0]
    room = int(limit) - int(reserved) - int(others)
    if own and min(own) < room:
        notes.append(f"the role or the database may have {min(own)} connections, fewer than the server's {limit}")
        return min(own), 0, 0, tuple(notes)
    return int(limit), int(reserved), int(others), tuple(notes)


def mysql(ask: Ask) -> Read:
    """max_connections, or the account's own limit, where that is smaller; one more is let in for an administrator.

    Any account may read these, while of the process list most see only their own part. Connections of the same account
    are taken for this application's own. (MySQL: server-system-variables, server-status-variables; MariaDB the same)
    """
    limit, account = ask("select @@global.max_connections, @@session.max_user_connections")
    _, connected = ask("show global status like 'Threads_connected'")
    (own,) = ask("select count(*) from information_schema.processlist where user = substring_index(user(), '@', 1)")
    others = max(0, int(connected) - int(own))
    notes = []
    if own > 1:
        notes.append(f"{own - 1} connections of the same account are taken for this application's own")
    if 0 < account < limit - others:
        notes.append(f"the account may have {account} connections (max_user_connections), the server {limit}")
        return int(account), 0, 0, tuple(notes)
    return int(limit), 0, others, tuple(notes)


SERVERS: dict[str, Callable[[Ask], Read]] = {"postgresql": postgresql, "mysql": mysql}
