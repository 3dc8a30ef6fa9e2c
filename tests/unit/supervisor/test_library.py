"""What is imported for all is what they would import themselves: decision 0013."""

import subprocess
import sys
from pathlib import Path

from tonnage.supervisor.library import NAMES

SITE = Path(__file__).parents[3] / "examples" / "site"
FRAMEWORKS = ("flask", "fastapi", "starlette.applications", "falcon")


def imported(module: str) -> set[str]:
    run = [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]
    environ = {"DJANGO_SETTINGS_MODULE": "mysite.settings"}
    return set(subprocess.run(run, cwd=SITE, env=environ, check=True, capture_output=True, text=True).stdout.split())


def test_every_name_is_imported_by_a_django_site_or_by_two_frameworks() -> None:
    django, others = imported("mysite.wsgi"), [imported(module) for module in FRAMEWORKS]
    assert [name for name in NAMES if name not in django and sum(name in other for other in others) < 2] == []
