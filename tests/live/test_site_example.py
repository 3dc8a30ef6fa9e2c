"""The example site, visited page by page: nothing between client and Django changes an answer.

Status, every field and every octet are compared with what Django's own test client gives to the same steps;
`steps.comparable` lists what must differ between two honest answers.
"""

import pytest

from tests.live.conftest import WORKERS
from tests.live.oracle import ask_django
from tests.live.sites import Site
from tests.live.steps import Answer, difference, visit
from tests.live.visits import HARBOUR

pytestmark = pytest.mark.timeout(600)  # the first test makes a site, which a busy machine may take minutes for


@pytest.fixture(scope="module")
def wanted(harbour: Site, tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    return ask_django(harbour.copy(tmp_path_factory.mktemp("django")), HARBOUR)


@pytest.fixture(scope="module", params=list(WORKERS))
def got(request: pytest.FixtureRequest, harbour: Site, tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    site = harbour.copy(tmp_path_factory.mktemp(request.param))
    with site.serve(*WORKERS[request.param]) as server:
        return visit(server.connect, HARBOUR)


@pytest.mark.parametrize("number", range(len(HARBOUR)), ids=lambda number: f"{number} {HARBOUR[number]}")
def test_a_page_is_answered_as_by_django_itself(got: list[Answer], wanted: list[Answer], number: int) -> None:
    assert difference(got[number], wanted[number]) == ""
