"""SQLAlchemy on a real MariaDB that lets 20 in: the plan reads that from the server, with an account that may read
little else, and keeps to it, also during a reload; what nobody planned does not.
"""

import signal
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pymysql
import pytest
from pymysql.connections import Connection

from tests.live.crowds import crowd
from tests.live.databases import Mariadb, mariadb
from tests.live.plans import census, planned, write_site
from tests.live.server import serve

LIMIT = 20
NARROW = 8  # of an account

SITE = """
import os
from sqlalchemy import URL, create_engine

account, socket = os.environ["ACCOUNT"], os.environ["SOCKET"]
engine = create_engine(URL.create("mysql+pymysql", account, query={"unix_socket": socket}), pool_size=20)

def application(environ, start_response):
    with engine.connect() as connection:
        connection.exec_driver_sql("select sleep(0.03)")
    start_response("200 OK", [("Content-Length", "5")])
    return [b"slept"]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Mariadb]:
    with mariadb(max_connections=LIMIT) as found:
        with owner(found) as connection, connection.cursor() as cursor:
            cursor.execute("create user site@localhost")
            cursor.execute(f"create user narrow@localhost with max_user_connections {NARROW}")
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path, SITE)


@pytest.fixture
def watcher(server: Mariadb) -> Iterator[Connection]:
    """Connected before the plan is made: one of the twenty is so taken by somebody else."""
    with owner(server) as connection:
        yield connection


def owner(server: Mariadb) -> closing[Connection]:
    return closing(pymysql.connect(unix_socket=str(server.socket), user="root", autocommit=True))


def of_the_site(watcher: Connection) -> int:
    with watcher.cursor() as cursor:
        cursor.execute("select count(*) from information_schema.processlist where user = 'site'")
        ((number,),) = cursor.fetchall()
        return int(number)


def environment(server: Mariadb, account: str = "site") -> dict[str, str]:
    return {"SOCKET": str(server.socket), "ACCOUNT": account}


def test_an_account_without_privileges_learns_the_limit_and_who_else_is_there(
    site: Path, server: Mariadb, watcher: Connection
) -> None:
    found = planned(site, environment(server))
    assert (found["limit"], found["reserved"], found["taken"], found["binds"]) == (LIMIT, 0, 1, "connections")
    assert found["server"] == f"mysql at {server.socket}"


def test_the_limit_of_an_account_binds_where_it_is_smaller(site: Path, server: Mariadb) -> None:
    found = planned(site, environment(server, "narrow"))
    assert (found["limit"], found["taken"]) == (NARROW, 0)
    assert (found["workers"] + 2) * found["threads"] <= NARROW
    assert any("max_user_connections" in note for note in found["notes"])


def test_what_is_planned_never_asks_for_more_than_there_is_also_during_a_reload(
    site: Path, server: Mariadb, watcher: Connection
) -> None:
    environ = environment(server)
    plan = planned(site, environ, "--threads", "4", "--write", "gunicorn.conf.py")
    assert (plan["workers"] + 2) * plan["threads"] <= LIMIT - 1
    with (
        serve("site_", cwd=site, env=environ) as running,
        census(partial(of_the_site, watcher)) as connections,
        crowd(running) as statuses,
    ):
        connections.wait_for(plan["workers"] * plan["threads"])
        running.signal(signal.SIGHUP)
        running.log.wait_for("Generation 2 has taken over")
    assert statuses.numbers == {200}
    assert max(connections.numbers) <= LIMIT - 1


def test_without_the_budget_the_same_load_is_refused_by_the_database(site: Path, server: Mariadb) -> None:
    words = ("site_", "--workers", "3", "--threads", "20")
    with serve(*words, cwd=site, env=environment(server), tracebacks=True) as running, crowd(running) as statuses:
        statuses.wait_for(500)
        running.log.wait_for("Too many connections")
