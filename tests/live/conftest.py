"""What live tests share: the worker classes, the ways in, and each site made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.apps import write_app
from tests.live.asgi import FRAMEWORKS, Both, serve_asgi, uvicorn
from tests.live.server import TCP
from tests.live.sites import Site, make_harbour, make_wagtail

WORKERS = {"sync": ["--workers", "1"], "gthread": ["--workers", "1", "--threads", "4"]}
ASGI = {f"asgi-{loop}": ["--workers", "1", "-k", "asgi", "--asgi-loop", loop] for loop in ("asyncio", "uvloop")}


@pytest.fixture(params=list(WORKERS))
def workers(request: pytest.FixtureRequest) -> list[str]:
    """The flags for one worker of each class."""
    return WORKERS[request.param]


@pytest.fixture(params=["tcp", "unix"])
def bind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return TCP if request.param == "tcp" else f"unix:{tmp_path / 'app.sock'}"


@pytest.fixture(scope="session")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Migrated once; copy it before you change it."""
    return make_harbour(tmp_path_factory.mktemp("sites"))


@pytest.fixture(scope="session")
def wagtail(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Made by its own `wagtail start`, migrated once; copy it before you change it."""
    return make_wagtail(tmp_path_factory.mktemp("sites"))


@pytest.fixture(scope="module", params=FRAMEWORKS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    directory, other = (write_app(tmp_path_factory.mktemp(request.param), "") for _ in range(2))
    with serve_asgi(request.param, cwd=directory, tracebacks=True) as server, uvicorn(request.param, other) as theirs:
        yield Both(request.param, server.urls[0], theirs)
