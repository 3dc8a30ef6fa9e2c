"""The two real sites: the example of this repository, and what `wagtail start` makes. Both SQLite, both seeded."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.server import TCP, Running, serve

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "site"
STEADY = {"PYTHONHASHSEED": "0"}  # or Wagtail puts some buttons in another order each time, and Starlette methods


@dataclass(frozen=True, slots=True)
class Site:
    directory: Path
    app: str
    settings: str
    env: Mapping[str, str] = field(default_factory=lambda: dict(STEADY))

    def copy(self, base: Path) -> "Site":
        """A visit leaves traces, so every visit gets a site of its own."""
        return Site(shutil.copytree(self.directory, base / "site"), self.app, self.settings, self.env)

    def serve(self, *arguments: str, bind: str | None = TCP) -> AbstractContextManager[Running]:
        return serve(self.app, *arguments, cwd=self.directory, env=self.env, bind=bind, tracebacks=True)

    def manage(self, *arguments: str, **env: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.directory,
            env={**os.environ, **self.env, **env},
            stdout=subprocess.DEVNULL,
            timeout=300,
            check=True,
        )


def make_harbour(base: Path, **env: str) -> Site:
    ignored = shutil.ignore_patterns("__pycache__", "*.sqlite3*", "media")
    site = Site(
        shutil.copytree(EXAMPLE, base / "harbour", ignore=ignored), "mysite.wsgi", "mysite.settings", {**STEADY, **env}
    )
    site.manage("migrate", "-v", "0")
    return site


def make_wagtail(base: Path) -> Site:
    directory = base / "almanac"
    directory.mkdir()
    wagtail = Path(sys.executable).with_name("wagtail")
    subprocess.run([wagtail, "start", "almanac", directory], stdout=subprocess.DEVNULL, timeout=300, check=True)
    site = Site(directory, "almanac.wsgi", "almanac.settings.dev")
    site.manage("migrate", "-v", "0")
    captain = {"USERNAME": "captain", "EMAIL": "captain@example.com", "PASSWORD": "tonnage"}
    site.manage(
        "createsuperuser", "--noinput", **{f"DJANGO_SUPERUSER_{name}": value for name, value in captain.items()}
    )
    return site
