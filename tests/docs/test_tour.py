"""What the README and the tutorial show is what happens: their commands, run in order, print what stands there."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import Example, page
from tests.live.server import clean_environ, command, serve
from tests.live.sites import EXAMPLE

TUTORIAL = page("docs/tutorial/five-minutes.md")
RUN = re.compile(r"^(\w+=\S+ )*(django-admin|python manage\.py|ls|tonnage (check|settings|--version|\S+ --wokers))\b")
BUSY = {"TONNAGE_BIND": "127.0.0.1:0"}  # `check` wants the port, and somebody may have it


def run(example: Example, cwd: Path) -> list[str]:
    """In a shell in which `tonnage` and `python` are ours."""
    ours = f'tonnage() {{ {shlex.join(command())} "$@"; }}; export PATH={Path(sys.executable).parent}:$PATH; '
    done = subprocess.run(
        ["sh", "-c", ours + example.command],
        cwd=cwd,
        env={**clean_environ(), **(BUSY if "tonnage check" in example.command else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return done.stdout.decode().split("\n")[:-1]


def comparable(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("ok    address")]


def held(example: Example, cwd: Path) -> None:
    assert comparable(run(example, cwd)) == comparable([*example.output]), example.command


def test_the_readme_shows_what_happens(tmp_path: Path) -> None:
    site = shutil.copytree(EXAMPLE, tmp_path / "site", ignore=shutil.ignore_patterns("*.sqlite3", "media"))
    examples = [example for example in page("README.md").examples if RUN.match(example.command)]
    assert len(examples) >= 3
    for example in examples:
        held(example, site)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site that the tutorial makes, every command of it checked on the way."""
    base = tmp_path_factory.mktemp("tutorial")
    site = base / "mysite"
    for fence in TUTORIAL.fences:
        if fence.language == "toml":
            (site / "tonnage.toml").write_text(fence.text)
        elif fence.language == "python":
            with (site / "mysite" / "settings.py").open("a") as settings:
                settings.write(fence.text)
        elif fence.language == "console":
            for example in page_examples(fence.text):
                held(example, site if site.exists() else base)
    return site


def page_examples(console: str) -> list[Example]:
    return [
        example for example in TUTORIAL.examples if f"$ {example.command}" in console and RUN.match(example.command)
    ]


def test_the_tutorial_ends_with_a_site_that_is_served(walked: Path) -> None:
    assert [entry.name for entry in (walked / "static").iterdir()] == ["admin"]
    with serve(cwd=walked) as server:
        reply = server.get("/admin/", ("Host", "example.com"))
    shown = next(example for example in TUTORIAL.examples if "curl -sI" in example.command)
    assert [f"HTTP/1.1 {reply.status} {reply.reason}", f"Location: {reply['Location']}"] == [*shown.output]
