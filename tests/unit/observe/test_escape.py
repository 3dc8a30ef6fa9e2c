from __future__ import annotations

import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnage.observe.escape import LONGEST, REMEMBERED, Escaped, escape, escape_word, json_string

ANYTHING = st.text(st.characters())  # surrogates included
HOSTILE = st.text(st.sampled_from('"\\\r\n\t \x00\x1b\x7f\x85\x9b\xa0\xff\u2028\u202e\ud800\udfff\U0001f600'))


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (X11; Linux x86_64)"),
        ('a"b', 'a\\"b'),
        ("a\\", "a\\\\"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x00\x1b[2J\x7f", "\\x00\\x1b[2J\\x7f"),
        ("\x85\x9b", "\\x85\\x9b"),
        ("caf\xe9", "caf\xe9"),
        ("\u2028\u202e\udcff\U000e0001", "\\u2028\\u202e\\udcff\\U000e0001"),
    ],
)
def test_what_could_end_a_line_or_a_quoted_value_is_spelled_out(raw: str, safe: str) -> None:
    assert escape(raw) == safe


@given(ANYTHING | HOSTILE)
def test_the_result_is_one_printable_line_that_stays_inside_its_quotes(raw: str) -> None:
    safe = escape(raw)
    assert safe.isprintable()
    assert safe.encode().decode() == safe
    assert '"' not in safe.replace("\\\\", "").replace('\\"', "")


@given(ANYTHING | HOSTILE)
def test_nothing_is_lost_and_no_two_texts_look_alike(raw: str) -> None:
    assert ast.literal_eval(f'"{escape(raw)}"') == raw


@given(HOSTILE)
def test_a_word_has_no_space(raw: str) -> None:
    assert len(escape_word(raw).split()) <= 1


@given(ANYTHING | HOSTILE)
def test_json_is_ascii_and_read_by_strict_readers(raw: str) -> None:
    line = json_string(raw)
    assert line.isascii()
    assert line.isprintable()
    value = json.loads(line)
    assert value.encode().decode() == value, "a lone surrogate"
    assert value == raw.encode("utf-8", "backslashreplace").decode()


def test_the_memo_knows_what_is_missing_and_stays_small() -> None:
    escaped = Escaped()
    assert escaped[None] == "-"
    assert escaped['"'] == '\\"'
    assert (escaped[1], escaped[True], escaped[1.0]) == ("1", "True", "1.0")
    for number in range(2 * REMEMBERED):
        assert escaped[str(number)] == str(number)
    assert len(escaped) <= REMEMBERED
    long = "x" * (LONGEST + 1)
    assert escaped[long] == long
    assert long not in escaped
