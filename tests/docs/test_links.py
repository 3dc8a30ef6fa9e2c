"""Whoever follows a link arrives."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page, page, pages


@cache
def functions(path: Path) -> frozenset[str]:
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))


def broken(on: Page) -> list[str]:
    found = []
    for link in on.links:
        where, _, anchor = link.target.partition("#")
        if "://" in where:
            continue
        path = (on.path.parent / where).resolve() if where else on.path
        if not path.exists():
            found.append(f"{link.target}: there is no such file")
        elif anchor and anchor not in page(str(path.relative_to(ROOT))).anchors:
            found.append(f"{link.target}: there is no such heading")
        elif link.title.startswith("test_") and link.title not in functions(path):
            found.append(f"{link.target}: there is no {link.title} in it")
    return found


@pytest.mark.parametrize("each", pages(), ids=str)
def test_every_relative_link_leads_somewhere(each: Page) -> None:
    assert broken(each) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    by_path = {each.path: each for each in pages()}
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        path = todo.pop()
        if path in by_path and path not in seen:
            seen.add(path)
            todo += [(path.parent / link.target.partition("#")[0]).resolve() for link in by_path[path].links]
    assert {str(each) for path, each in by_path.items() if path not in seen} == set()


PROMISES = page("docs/explanation/server-behaviour.md")


@pytest.mark.parametrize("promise", re.findall(r"^- .+(?:\n  .+)*", PROMISES.text, re.MULTILINE))
def test_every_promise_names_the_test_that_shows_it(promise: str) -> None:
    assert any(link.title.startswith("test_") for link in Page(PROMISES.path, promise).links)
