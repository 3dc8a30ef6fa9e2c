"""The example site on PostgreSQL: a real server of its own, on a Unix socket, thrown away afterwards."""

from collections.abc import Iterator

import pytest

from tests.live.conftest import WORKERS
from tests.live.databases import postgresql
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


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A DATABASE_URL."""
    with postgresql() as server:
        yield server.url


@pytest.fixture(scope="module")
def site(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_harbour(tmp_path_factory.mktemp("sites"), DATABASE_URL=postgres)


@pytest.mark.parametrize("worker", WORKERS)
def test_the_example_site_on_postgresql_answers_as_django_itself(site: Site, worker: str) -> None:
    wanted = ask_django(site, STEPS)
    with site.serve(*WORKERS[worker]) as server:
        got = visit(server.connect, STEPS)
    assert [text for pair in zip(got, wanted, strict=True) if (text := difference(*pair))] == []
