"""The map shows the country: every module stands in the table of files, and every file it names exists."""

import re
import tomllib

import pytest

from tests.docs.pages import ROOT, SOURCE, page, rows

MAP = page("docs/explanation/architecture.md")
ITEM = re.compile(r"(?:^|·) *(`[a-z_0-9]+`(?:, `[a-z_0-9]+`)*)")


def table() -> set[str]:
    """Modules of the table, as paths below src/tonnage without .py."""
    found = set()
    for place, what, *_ in rows(MAP.section("Files")):
        for name in re.findall(r"`([^`]+)`", place):
            if name.endswith(".py"):
                found.add(name.removesuffix(".py"))
            else:
                found |= {f"{name}{module}" for item in ITEM.findall(what) for module in re.findall(r"`(\w+)`", item)}
    return found


def modules() -> set[str]:
    files = [path.relative_to(SOURCE) for path in SOURCE.rglob("*.py")]
    return {str(path.with_suffix("")) for path in files if path.name != "__init__.py"}


def test_every_module_stands_in_the_table() -> None:
    assert modules() - table() == set()


def test_every_module_of_the_table_exists() -> None:
    assert table() - modules() == set()


def test_every_file_that_is_named_exists() -> None:
    named = set(re.findall(r"(?<![\w/.])((?:[a-z_]+/)*[a-z_]+\.py)\b", MAP.text))
    assert named
    assert {name for name in named if not any((base / name).exists() for base in (SOURCE, ROOT))} == set()


def test_every_directory_that_is_named_exists() -> None:
    named = set(re.findall(r"`((?:[a-z-]+/)+)`", MAP.text))
    assert {
        name for name in named if not any((base / name).is_dir() for base in (SOURCE, ROOT, ROOT / "docs"))
    } == set()


@pytest.mark.parametrize("name", [str(MAP), "CONTRIBUTING.md"])
def test_the_picture_of_the_layers_is_the_contract(name: str) -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    there = [[name for name in layer.split(" | ") if not name.startswith("(")] for layer in contract]  # or not yet
    wanted = [" | ".join(names) for names in there if names]
    pictured = re.findall(r"^ {4} *(\w+(?: \| \w+)*)(?: {2}.*)?$", page(name).text, re.MULTILINE)
    start = pictured.index(wanted[0])
    assert pictured[start : start + len(wanted)] == wanted
