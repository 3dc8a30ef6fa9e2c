"""Django on a real PostgreSQL that lets 20 in: what is planned never asks for more, also while a reload has one worker
more; what nobody planned does, and its clients see it.
"""

import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.live.crowds import crowd
from tests.live.databases import OWNER, Postgres, postgresql
from tests.live.plans import census, planned, write_site
from tests.live.server import serve

LIMIT, RESERVED = 20, 3
REFUSED = r"too many clients|remaining connection slots"  # SQLSTATE 53300, in its two wordings

SITE = """
import os, sys
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__,
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "site",
        "HOST": os.environ["SOCKET"], "CONN_MAX_AGE": 600,
    }},
)

def nap(request):
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(0.03)")
    return HttpResponse("slept")

urlpatterns = [path("", nap)]
application = get_wsgi_application()
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgresql(max_connections=LIMIT, superuser_reserved_connections=RESERVED) as server:
        with owner(server) as connection:
            connection.execute("create role site login")
        yield server


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path, SITE)


@pytest.fixture
def watcher(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """Connected before the plan is made: one of the twenty is so taken by somebody else."""
    with owner(postgres) as connection:
        yield connection


def owner(server: Postgres) -> psycopg.Connection:
    return psycopg.connect(host=str(server.directory), user=OWNER, dbname="postgres", autocommit=True)


def of_the_site(watcher: psycopg.Connection) -> int:
    row = watcher.execute("select count(*) from pg_stat_activity where usename = 'site'").fetchone()
    assert row is not None
    return int(row[0])


def environment(server: Postgres) -> dict[str, str]:
    return {"SOCKET": str(server.directory)}


def test_the_plan_reads_the_limit_from_the_server_itself_and_who_else_is_there(
    site: Path, postgres: Postgres, watcher: psycopg.Connection
) -> None:
    found = planned(site, environment(postgres))
    assert (found["limit"], found["reserved"], found["taken"], found["binds"]) == (LIMIT, RESERVED, 1, "connections")


@pytest.mark.parametrize("words", [("--preload",), ("--threads", "4")], ids=["its own choice", "four threads"])
def test_what_is_planned_never_asks_for_more_than_there_is_also_during_a_reload(
    site: Path, postgres: Postgres, watcher: psycopg.Connection, words: tuple[str, ...]
) -> None:
    plan = planned(site, environment(postgres), *words, "--write", "gunicorn.conf.py")
    assert (plan["workers"] + 1) * plan["threads"] <= LIMIT - RESERVED - 1
    before = len(postgres.log)
    with (
        serve("site_", cwd=site, env=environment(postgres)) as server,
        census(partial(of_the_site, watcher)) as connections,
        crowd(server) as statuses,
    ):
        connections.wait_for(plan["workers"] * plan["threads"])
        server.signal(signal.SIGHUP)
        server.log.wait_for("Generation 2 has taken over")
    assert statuses.numbers == {200}
    assert max(connections.numbers) <= LIMIT - RESERVED - 1
    assert "FATAL" not in postgres.log[before:]


def test_without_the_budget_the_same_load_is_refused_by_the_database(site: Path, postgres: Postgres) -> None:
    before = len(postgres.log)
    with (
        serve("site_", "--workers", "3", "--threads", "20", cwd=site, env=environment(postgres)) as server,
        crowd(server) as statuses,
    ):
        statuses.wait_for(500)
    assert re.search(REFUSED, postgres.log[before:])
