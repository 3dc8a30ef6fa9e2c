"""What `tonnage plan` says of an application that is known, and the connections that it then has."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.live.crowds import Seen, during
from tests.live.server import run
from tests.unit.capacity.plans import footprint


def write_site(directory: Path, source: str) -> Path:
    """The application `site_`, and its footprint: what is planned is not measured here."""
    (directory / "site_.py").write_text(source)
    (directory / "fp.json").write_text(json.dumps(footprint(cpu_s=0.003, waiting_share=0.95).as_object()))
    return directory


def planned(site: Path, environ: dict[str, str], *words: str) -> dict[str, Any]:
    done = run("plan", "site_", "--footprint", "fp.json", "--json", *words, cwd=site, env=environ)
    assert done.code == 0, done.output
    found = json.loads(done.stdout)
    return {"binds": found["binding"], **found["settings"], **found["databases"][0]}


@contextmanager
def census(connections: Callable[[], int]) -> Iterator[Seen]:
    """How many connections of the site there are, looked at over and over until the block ends."""
    seen = Seen()
    with during(lambda: seen.add(connections())):
        yield seen
