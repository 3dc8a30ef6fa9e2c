from __future__ import annotations

import json
import os

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.observe.exchanges import AGENT, exchange, head_of, refused
from tonnage.observe.exchange import Exchange
from tonnage.observe.json_line import MEMBERS, json_format

ANYTHING = st.text(st.characters()) | st.text(st.sampled_from('"\\\r\n\t \x00\x1b\x7f\x85\xff\u2028\ud800\udfffab'))
write = json_format()


def read(moment: Exchange) -> dict[str, object]:
    """One line, ASCII, one object; json.loads as strict as it gets."""
    line = write(moment)
    assert line.endswith("}\n")
    assert line[:-1].isascii()
    assert line[:-1].isprintable()
    found = json.loads(line)
    assert isinstance(found, dict)
    assert list(found) == list(MEMBERS)
    return found


def test_a_request_as_one_object() -> None:
    found = read(exchange())
    assert str(found.pop("time")).startswith("2023-11-1")
    assert found == {
        "pid": os.getpid(),
        "client": "127.0.0.1",
        "user": None,
        "request": "GET /articles/caf%C3%A9?page=2&q=a%20b HTTP/1.1",
        "method": "GET",
        "path": "/articles/caf\xc3\xa9",
        "query": "page=2&q=a%20b",
        "protocol": "HTTP/1.1",
        "status": 200,
        "sent": 1234,
        "duration_us": 12345,
        "referer": "https://example.org/",
        "agent": AGENT,
    }


def test_asgi_says_the_same() -> None:
    assert read(exchange(wsgi=False)) == read(exchange())


def test_what_is_missing_is_null() -> None:
    found = read(refused(status=""))
    assert [name for name, value in found.items() if value is None] == [
        "user", "request", "method", "path", "query", "protocol", "status", "referer", "agent",
    ]  # fmt: skip


def test_a_dash_that_was_sent_is_not_taken_for_nothing() -> None:
    found = read(exchange(head=head_of(fields={"Host": "x", "User-Agent": "-"})))
    assert (found["agent"], found["referer"]) == ("-", None)


@given(ANYTHING)
def test_whatever_is_sent_it_is_one_object_that_says_what_was_sent(text: str) -> None:
    keys = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "HTTP_REFERER", "HTTP_USER_AGENT")
    moment = exchange(environ=dict.fromkeys([*keys, "REMOTE_ADDR"], text))
    moment.line = text.encode("latin-1", "replace")
    found = read(moment)
    said = text.encode("utf-8", "backslashreplace").decode()
    for name in ("method", "path", "query", "protocol", "referer", "agent"):
        assert found[name] == said
    assert found["client"] == (said or None)
    assert found["request"] == (moment.line.decode("latin-1") or None)


@given(st.binary())
def test_any_octets_in_a_request_that_was_refused(line: bytes) -> None:
    assert read(refused(line))["request"] == (line.decode("latin-1") or None)
