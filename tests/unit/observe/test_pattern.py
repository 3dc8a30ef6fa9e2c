from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.observe.exchanges import exchange, head_of
from tonnage.config.sections.logs import COMMON
from tonnage.errors import ConfigError
from tonnage.observe.escape import Escaped
from tonnage.observe.pattern import compile_format

ANYTHING = st.text(st.characters()) | st.text(st.sampled_from('"\\\r\n\t \x00\x1b\x85\u2028\ud800ab'))


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("", ""),
        ("no atoms", "no atoms"),
        ("100%% {} {x} %% '\"\\ é", "100% {} {x} % '\"\\ é"),
        ("%(m)s%(m)s", "GETGET"),
        ("%(m)5s|%(m)-5s|%(m).2s|%(m)5.1s", "  GET|GET  |GE|    G"),
        ("%(D)d %(D)08d %(D).1f %(B)+d %(T)x %(M)5s", "12345 00012345 12345.0 +1234 0    12"),
        ("%(m)r %(D)r", "'GET' 12345"),
        ("%(l)s %(l)3s", "-   -"),
        ("%(s).1s", "2"),
        ("%({nothing}i)s %({nothing}i)r", "- '-'"),
        ("%({mine}e)r %({mine}e)a", "'\xe9\\\\n' '\\\\xe9\\\\n'"),
        ("%({nothing}i).0s|", "-|"),
    ],
)
def test_a_format_is_printf_over_atoms(pattern: str, line: str) -> None:
    assert compile_format(pattern)(exchange(environ={"mine": "\xe9\n"})) == line + "\n"


def test_the_default_format_is_gunicorns() -> None:
    line = compile_format(COMMON)(exchange())
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/Nov/2023:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /articles/caf%C3%A9\?page=2&q=a%20b '
        r'HTTP/1\.1" 200 1234 "https://example\.org/" "Mozilla/5\.0 .*"\n',
        line,
    )


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("%(x)s", r"no atom '%\(x\)s'\. Known are h l u "),
        ("%(hh)s", r"no atom '%\(hh\)s'"),
        ("%({host})s", r"no atom .*\{name\}i"),
        ("%({}i)s", r"no atom"),
        ("%({host}x)s", r"no atom"),
        ("%()s", r"no atom"),
        ("%s", r"'%s' names no atom; write %\(h\)s, or %%"),
        ("100%", r"'%' names no atom"),
        ("% d", r"names no atom"),
        ("%(h", r"names no atom"),
        ("%(h)", r"'%\(h\)' cannot be written; write %\(h\)s"),
        ("%(h)d", r"write %\(h\)s"),
        ("%(s)d", r"write %\(s\)s"),
        ("%(D)c", r"write %\(D\)s"),
        ("%(D)*d", r"write %\(D\)s"),
        ("%(h).*s", r"write %\(h\)s"),
    ],
)
def test_a_wrong_format_is_refused_at_start_with_what_would_be_right(pattern: str, problem: str) -> None:
    with pytest.raises(ConfigError, match="^access_log_format: .*" + problem):
        compile_format(pattern)


@given(st.text())
def test_no_format_becomes_code_or_breaks_the_compiler(pattern: str) -> None:
    try:
        write = compile_format(pattern)
    except ConfigError:
        return
    assert write(exchange()).endswith("\n")


QUOTED = ["r", "m", "U", "q", "H", "f", "a", "h", "{x}i", "{x}o", "{X}e", "r)10s%(m", "a).3s%(m", "a).5r%(m"]


def forged(text: str) -> str:
    """A line in which a client and an application put `text` wherever they can."""
    moment = exchange(fields=[("x", text)], environ={"X": text})
    assert isinstance(moment.environ, dict)
    keys = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "HTTP_REFERER", "HTTP_USER_AGENT")
    moment.environ.update(dict.fromkeys([*keys, "REMOTE_ADDR"], text))
    moment.line = text.encode("latin-1", "replace")
    assert moment.head is not None
    moment.head.fields[-1].text, moment.head.fields[-1].name = text, b"x"
    return compile_format(" ".join(f'"%({atom})s"' for atom in QUOTED))(moment)


@given(ANYTHING)
def test_whatever_is_sent_the_line_stays_one_and_the_quotes_stay_where_they_are(text: str) -> None:
    line = forged(text)
    assert line[-1] == "\n"
    assert line[:-1].isprintable()
    assert line.encode()
    value = r'"(?:[^"\\]|\\.)*"'
    assert re.fullmatch(" ".join([value] * len(QUOTED)), line[:-1])


@given(ANYTHING)
def test_in_the_default_format_a_client_address_and_a_user_are_one_word(text: str) -> None:
    line = compile_format(COMMON)(
        exchange(environ={"REMOTE_ADDR": text, "HTTP_USER_AGENT": text, "HTTP_REFERER": text})
    )
    assert re.fullmatch(r'[^ ]+ - - \[[^]]*\] "[^"]*" 200 1234 "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"\n', line)


def test_a_value_that_may_be_a_secret_is_not_remembered() -> None:
    write = compile_format(COMMON + "%({cookie}i)s %({HTTP_COOKIE}e)s")
    write(
        exchange(
            head=head_of(b"GET /?token=1 HTTP/1.1", {"Host": "x", "Cookie": "c1", "Referer": "r1", "User-Agent": "ua"})
        )
    )
    used = [getattr(value, "__self__", None) for value in write.__globals__.values()]
    remembered = {key for memo in used if isinstance(memo, Escaped) for key in memo}
    assert "ua" in remembered
    assert remembered.isdisjoint({"c1", "r1", "GET /?token=1 HTTP/1.1"})
