"""Gunicorn's own Logger as a foreign oracle: the same exchange, the same line; where we differ, it is on purpose."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace

import pytest
from gunicorn import glogging
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.observe.exchanges import exchange, head_of
from tonnage.config.sections.logs import COMMON
from tonnage.observe.atoms import ATOMS
from tonnage.observe.exchange import Exchange
from tonnage.observe.pattern import compile_format

EVERY = " ".join([f'{atom}="%({atom})s"' for atom in ATOMS] + [
    f'{atom}="%({{{atom[:-1]}}}{atom[-1]})s"'
    for atom in ("Hosti", "user-agenti", "X-Ai", "nothingi", "Content-Typeo", "X-Ao", "nothingo", "RAW_URIe",
                 "raw_urie", "wsgi.url_schemee", "wsgi.multithreade", "http_x_ae", "nothinge")
])  # fmt: skip


def gunicorn(moment: Exchange) -> Mapping[str, object]:
    """Its atoms of the same data, quotes escaped as it does."""
    assert moment.head is not None
    logger = object.__new__(glogging.Logger)
    logger.debug = lambda *_: None
    response = SimpleNamespace(status=moment.status, sent=moment.sent, headers=list(moment.fields))
    request = SimpleNamespace(headers=[(field.name.decode().upper(), field.text) for field in moment.head.fields])
    took = timedelta(seconds=moment.duration_s)
    atoms: Mapping[str, object] = glogging.SafeAtoms(logger.atoms(response, request, moment.environ, took))
    return atoms


@pytest.fixture(autouse=True, scope="module")
def clock() -> object:
    """Gunicorn reads it when the line is written; ours is in the exchange."""
    with pytest.MonkeyPatch.context() as patch:
        ended = time.localtime(1_700_000_000.25 + 0.012345)
        patch.setattr(glogging, "time", SimpleNamespace(strftime=lambda pattern: time.strftime(pattern, ended)))
        yield


PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="\\"), max_size=30)
PLAIN = st.text(st.sampled_from("abc/.-_~%20"), max_size=20)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PROPFIND"]),
    path=PLAIN,
    query=PLAIN,
    minor=st.sampled_from([0, 1]),
    values=st.fixed_dictionaries({}, optional={"Referer": PRINTABLE, "User-Agent": PRINTABLE, "X-A": PRINTABLE}),
    user=st.none() | st.text(st.sampled_from("abc:\xe9"), max_size=8),
    status=st.sampled_from(["200 OK", "304 Not Modified", "404 Not Found", "599 Mine", "200"]),
    fields=st.lists(st.tuples(st.sampled_from(["Content-Type", "X-A", "x-a"]), PRINTABLE), max_size=4),
    sent=st.integers(0, 1 << 40),
)
def test_the_same_exchange_makes_the_same_line(
    method: str,
    path: str,
    query: str,
    minor: int,
    values: dict[str, str],
    user: str | None,
    status: str,
    fields: list[tuple[str, str]],
    sent: int,
) -> None:
    if user is not None:
        values = {**values, "Authorization": "Basic " + base64.b64encode(user.encode()).decode()}
    head = head_of(f"{method} /{path}?{query} HTTP/1.{minor}".encode(), {"Host": "example.org", **values})
    moment = exchange(head=head, status=status, fields=fields, sent=sent)
    for pattern in (COMMON, EVERY):
        assert compile_format(pattern)(moment) == pattern % gunicorn(moment) + "\n"


@given(st.integers(0, 86_000_000), st.sampled_from("TMDL"))
def test_the_same_duration_has_the_same_text(duration_ms: int, atom: str) -> None:
    moment = exchange(duration_s=duration_ms / 1000)
    assert compile_format(f"%({atom})s")(moment) == f"{gunicorn(moment)[atom]}\n"


def test_widths_and_conversions_are_printfs() -> None:
    pattern = "%(D)08d|%(m)6s|%(m)-6s|%(U).5s|%(B)x|%(T).2f|%(s)4s|100%%|%(m)r"
    assert compile_format(pattern)(exchange()) == pattern % gunicorn(exchange()) + "\n"


DIFFERENCES = [
    ("a Unix socket has no address, and an empty first column breaks readers", "h", {"REMOTE_ADDR": ""}, "-", ""),
    ("a line end would begin a forged line", "U", {"PATH_INFO": "/\r\nx"}, "/\\r\\nx", "/\r\nx"),
    ("a backslash before the closing quote would escape it", "a", {"HTTP_USER_AGENT": "x\\"}, "x\\\\", "x\\"),
    ("a terminal obeys escape sequences", "a", {"HTTP_USER_AGENT": "\x1b[2J"}, "\\x1b[2J", "\x1b[2J"),
    ("a space would shift the columns", "h", {"REMOTE_ADDR": "a b"}, "a\\x20b", "a b"),
    ("a lone surrogate cannot be encoded", "{X}e", {"X": "\udcff"}, "\\udcff", "\udcff"),
    ("an object's text is no safer than a client's", "{X}e", {"X": ['"']}, "['\\\"']", ['"']),
]


@pytest.mark.parametrize(("why", "atom", "environ", "ours", "theirs"), DIFFERENCES)
def test_we_differ_where_a_line_could_be_misread(
    why: str, atom: str, environ: Mapping[str, object], ours: str, theirs: object
) -> None:
    moment = exchange(environ=environ)
    assert compile_format(f"%({atom})s")(moment) == f"{ours}\n"
    assert gunicorn(moment)[atom] == theirs, why


def test_a_duration_of_more_than_a_day_is_not_cut_to_the_rest() -> None:
    moment = exchange(duration_s=86_401.0)
    assert compile_format("%(T)s")(moment) == "86401\n"
    assert gunicorn(moment)["T"] == 1
