"""The example site on PostgreSQL: a real server of its own, on a Unix socket, thrown away afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.conftest import WORKERS
from tests.live.oracle import ask_django
from tests.live.sites import Site, make_harbour
from tests.live.steps import Step, difference, get, post, visit

pytestmark = pytest.mark.timeout(600)  # the first test makes a site, which a busy machine may take minutes for

# Nothing here changes what a later page shows, so that both visits find the same database.
STEPS: list[Step] = [
    get("/"),
    get("/ships/?kind=tanker&page=2"),
    get("/ships/7/"),
    get("/ships.csv"),
    get("/account/login/"),
    post("/account/login/", username="captain", password="tonnage"),
    get("/bridge/"),
    get("/admin/fleet/ship/?q=silver&o=-4"),
    post("/account/logout/"),
]


def programs() -> Path | None:
    """Where initdb and pg_ctl are; Debian keeps them out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A DATABASE_URL. PostgreSQL refuses to be root, so root lends it another user."""
    found = programs()
    if found is None:
        pytest.skip("there is no PostgreSQL here; remedy: apt-get install postgresql")
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    directory = Path(tempfile.mkdtemp(prefix="pg"))  # short: the path of a Unix socket has 107 octets at most
    if as_user:
        shutil.chown(directory, "postgres", "postgres")
    quiet = {"stdout": subprocess.DEVNULL, "cwd": directory, "timeout": 100}
    data, options = str(directory / "data"), f"-k {directory} -c listen_addresses= -c fsync=off"
    initdb = [*as_user, str(found / "initdb"), "-D", data, "-U", "harbour", "-A", "trust", "-E", "UTF8"]
    control = [*as_user, str(found / "pg_ctl"), "-D", data, "-w"]
    subprocess.run(initdb, check=True, **quiet)  # type: ignore[call-overload]
    subprocess.run([*control, "start", "-o", options, "-l", str(directory / "log")], check=True, **quiet)  # type: ignore[call-overload]
    try:
        yield f"postgres://harbour@{str(directory).replace('/', '%2F')}/postgres"
    finally:
        subprocess.run([*control, "stop", "-m", "fast"], check=True, **quiet)  # type: ignore[call-overload]
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def site(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_harbour(tmp_path_factory.mktemp("sites"), DATABASE_URL=postgres)


@pytest.mark.parametrize("worker", WORKERS)
def test_the_example_site_on_postgresql_answers_as_django_itself(site: Site, worker: str) -> None:
    wanted = ask_django(site, STEPS)
    with site.serve(*WORKERS[worker]) as server:
        got = visit(server.connect, STEPS)
    assert [text for pair in zip(got, wanted, strict=True) if (text := difference(*pair))] == []
