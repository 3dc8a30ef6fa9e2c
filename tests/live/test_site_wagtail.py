"""What `wagtail start` makes, visited page by page: nothing between client and Django changes an answer.

Status, every field and every octet are compared with what Django's own test client gives to the same steps;
`steps.comparable` lists what must differ between two honest answers.
"""

import pytest

from tests.live.conftest import WORKERS
from tests.live.oracle import ask_django
from tests.live.sites import Site
from tests.live.steps import Answer, difference, visit
from tests.live.visits import WAGTAIL

pytestmark = pytest.mark.timeout(600)  # the first test makes a site, which a busy machine may take minutes for


@pytest.fixture(scope="module")
def wanted(wagtail: Site, tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    return ask_django(wagtail.copy(tmp_path_factory.mktemp("django")), WAGTAIL)


@pytest.fixture(scope="module", params=list(WORKERS))
def got(request: pytest.FixtureRequest, wagtail: Site, tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    site = wagtail.copy(tmp_path_factory.mktemp(request.param))
    with site.serve(*WORKERS[request.param], "--timeout", "300") as server:
        return visit(server.connect, WAGTAIL)


@pytest.mark.parametrize("number", range(len(WAGTAIL)), ids=lambda number: f"{number} {WAGTAIL[number]}")
def test_a_page_is_answered_as_by_django_itself(got: list[Answer], wanted: list[Answer], number: int) -> None:
    assert difference(got[number], wanted[number]) == ""
