"""Two real sites, visited page by page: nothing between client and Django changes an answer.

Status, every field and every octet are compared with what Django's own test client gives to the same steps;
`steps.comparable` lists what must differ between two honest answers.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.conftest import WORKERS
from tests.live.oracle import ask_django
from tests.live.server import serve
from tests.live.sites import Site
from tests.live.steps import Answer, Step, Visitor, difference
from tests.live.visits import HARBOUR, WAGTAIL

Visit = Callable[[str], list[Answer]]


def visits(site: Site, steps: list[Step], base: Path) -> Visit:
    """The answers by who gave them ("django", or a worker class), each visited once, when first asked for."""
    known: dict[str, list[Answer]] = {}

    def answers(by: str) -> list[Answer]:
        if by not in known:
            own = site.copy(base / by)
            if by == "django":
                known[by] = ask_django(own.directory, own.settings, steps, own.env)
            else:
                with serve(own.app, *WORKERS[by], cwd=own.directory, env=own.env, tracebacks=True) as server:
                    visitor = Visitor(server.connect)
                    known[by] = [visitor.take(step) for step in steps]
        return known[by]

    return answers


@pytest.fixture(scope="module")
def harbour_visit(harbour: Site, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return visits(harbour, HARBOUR, tmp_path_factory.mktemp("harbour"))


@pytest.fixture(scope="module")
def wagtail_visit(wagtail: Site, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return visits(wagtail, WAGTAIL, tmp_path_factory.mktemp("wagtail"))


@pytest.mark.xdist_group("harbour")
@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("number", range(len(HARBOUR)), ids=lambda number: f"{number}: {HARBOUR[number]}")
def test_the_example_site_answers_as_django_itself(harbour_visit: Visit, worker: str, number: int) -> None:
    assert difference(harbour_visit(worker)[number], harbour_visit("django")[number]) == ""


@pytest.mark.xdist_group("wagtail")
@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("number", range(len(WAGTAIL)), ids=lambda number: f"{number}: {WAGTAIL[number]}")
def test_a_wagtail_site_answers_as_django_itself(wagtail_visit: Visit, worker: str, number: int) -> None:
    assert difference(wagtail_visit(worker)[number], wagtail_visit("django")[number]) == ""
