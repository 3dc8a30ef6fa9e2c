"""What the pages and our messages name exists: flags, settings, functions, signals, atoms, hooks."""

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import MEASURED, ROOT, SOURCE, Page, page, pages
from tonnage.cli import doctor, footprint, plan
from tonnage.config.gunicorn import NotYet
from tonnage.config.model import SPECS
from tonnage.config.resolve import verdict

OURS = {
    "--help",
    "--version",
    "--json",
    *doctor.parser().flags,
    *footprint.parser().flags,
    *plan.parser().flags,
}  # no settings
FOREIGN = {  # what belongs to somebody else, and whose it is
    "--nginx": "certbot",
    "--quick": "scripts/bench",
    "client_max_body_size": "nginx",
    "proxy_http_version": "nginx",
    "proxy_pass": "nginx",
    "proxy_read_timeout": "nginx",
}

OF_OPERATIONS = {"--quick", "--wait-bake"}  # `tonnage stop` and `tonnage reload` read their words themselves
FOREIGN_IN_MESSAGES = {
    "--adapter": "caddy",
    "--cpus": "docker run",
    "--pids-limit": "docker run",
    "--sysctl": "docker run",
    "--ulimit": "docker run",
}

FLAGS = {flag: spec for spec in SPECS.values() for flag in (*spec.flags, spec.inverse) if flag}


def flags(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*\w(?![\w-])", text))


@pytest.mark.parametrize("each", pages(), ids=str)
def test_every_flag_exists(each: Page) -> None:
    named = {flag for span in each.spans if re.match(r"-|tonnage (?!:)", span) for flag in flags(span)}
    assert str(each) in MEASURED or named - FLAGS.keys() - OURS - FOREIGN.keys() == set()


def test_every_flag_that_a_message_names_exists() -> None:
    texts = [
        (path.relative_to(SOURCE), node.value)
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    named = {(str(path), flag) for path, text in texts for flag in flags(text)}
    known = FLAGS.keys() | OURS | OF_OPERATIONS | FOREIGN_IN_MESSAGES.keys()
    assert {(path, flag) for path, flag in named if flag not in known} == set()
    assert OF_OPERATIONS | FOREIGN_IN_MESSAGES.keys() <= {flag for _, flag in named}, "named no more"


@cache
def identifiers() -> frozenset[str]:
    files = [
        path for part in ("src", "tests", "bench") for path in (ROOT / part).rglob("*.py") if path.parent.name != "docs"
    ]
    return frozenset(re.findall(r"[A-Za-z_]\w*", "\n".join(path.read_text() for path in files)))


@pytest.mark.parametrize("each", pages(), ids=str)
def test_every_name_with_an_underscore_is_a_setting_or_stands_in_the_code(each: Page) -> None:
    named = {span for span in each.spans if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", span)}
    assert named - SPECS.keys() - FOREIGN.keys() - identifiers() == set()


@pytest.mark.parametrize(
    "each", [each for each in pages() if each.path.parent.name in {"explanation", "decisions", ROOT.name}], ids=str
)
def test_every_source_file_exists(each: Page) -> None:
    named = {span for span in each.spans if re.fullmatch(r"(?:\w+/)+\w+\.py|[a-z]+\.py", span)}
    assert {
        name
        for name in named
        if not any((base / name).exists() for base in (SOURCE, SOURCE / "supervisor", SOURCE / "http", ROOT))
    } == set()


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("README.md", "What is built, what is not"),
        ("docs/how-to/coming-from-gunicorn.md", "What is not there yet"),
    ],
)
def test_what_is_called_not_built_is_not_built(name: str, heading: str) -> None:
    text = page(name).section(heading)
    missing = text[text.index("Not yet") if "Not yet" in text else 0 :]
    named = flags(missing) & FLAGS.keys()
    assert named
    assert [flag for flag in sorted(named) if not isinstance(verdict(FLAGS[flag].name), NotYet)] == []
