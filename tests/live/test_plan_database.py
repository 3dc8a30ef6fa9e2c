"""Django on a real PostgreSQL that lets 20 in: what is planned never asks for more, also while a reload has one worker
more; what nobody planned does, and its clients see it.
"""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.live.crowds import Seen, crowd, during
from tests.live.databases import OWNER, Postgres, postgresql
from tests.live.server import run, serve
from tests.unit.capacity.plans import footprint

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
    (tmp_path / "site_.py").write_text(SITE)
    (tmp_path / "fp.json").write_text(json.dumps(footprint(cpu_s=0.003, waiting_share=0.95).as_object()))
    return tmp_path


@pytest.fixture
def watcher(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """Connected before the plan is made: one of the twenty is so taken by somebody else."""
    with owner(postgres) as connection:
        yield connection


def owner(server: Postgres) -> psycopg.Connection:
    return psycopg.connect(host=str(server.directory), user=OWNER, dbname="postgres", autocommit=True)


@contextmanager
def census(watcher: psycopg.Connection) -> Iterator[Seen]:
    """How many connections of the site there are, looked at over and over until the block ends."""
    seen = Seen()

    def look() -> None:
        row = watcher.execute("select count(*) from pg_stat_activity where usename = 'site'").fetchone()
        assert row is not None
        seen.add(int(row[0]))

    with during(look):
        yield seen


def planned(site: Path, postgres: Postgres, *words: str) -> dict[str, Any]:
    done = run(
        "plan", "site_", "--footprint", "fp.json", "--json", *words, cwd=site, env={"SOCKET": str(postgres.directory)}
    )
    assert done.code == 0, done.output
    found = json.loads(done.stdout)
    return {"binds": found["binding"], **found["settings"], **found["databases"][0]}


def test_the_plan_reads_the_limit_from_the_server_itself_and_who_else_is_there(
    site: Path, postgres: Postgres, watcher: psycopg.Connection
) -> None:
    found = planned(site, postgres)
    assert (found["limit"], found["reserved"], found["taken"], found["binds"]) == (LIMIT, RESERVED, 1, "connections")


@pytest.mark.parametrize("words", [("--preload",), ("--threads", "4")], ids=["its own choice", "four threads"])
def test_what_is_planned_never_asks_for_more_than_there_is_also_during_a_reload(
    site: Path, postgres: Postgres, watcher: psycopg.Connection, words: tuple[str, ...]
) -> None:
    plan = planned(site, postgres, *words, "--write", "gunicorn.conf.py")
    assert (plan["workers"] + 1) * plan["threads"] <= LIMIT - RESERVED - 1
    before = len(postgres.log)
    with (
        serve("site_", cwd=site, env={"SOCKET": str(postgres.directory)}) as server,
        census(watcher) as connections,
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
    environment = {"SOCKET": str(postgres.directory)}
    with (
        serve("site_", "--workers", "3", "--threads", "20", cwd=site, env=environment) as server,
        crowd(server) as statuses,
    ):
        statuses.wait_for(500)
    assert re.search(REFUSED, postgres.log[before:])
