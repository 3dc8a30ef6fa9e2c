"""Heads: what a parsed one holds, and that no short cut sees anything else than the long way."""

import pytest

from tests.wire.corpus import load
from tonnage.errors import RemoteProtocolError
from tonnage.http.head import RequestHead, parse, parse_repeated, unfold
from tonnage.http.limits import Limits, Policy

LIMITS = Limits()
STRICT = Policy()


def head(text: str, policy: Policy = STRICT) -> RequestHead:
    return parse(text.replace("\n", "\r\n").encode("latin-1"), LIMITS, policy)


def texts(request: RequestHead) -> list[str]:
    return [f"{field.name.decode()}: {field.text}" for field in request.fields]


ATTRIBUTES = (
    "line", "method", "target", "path", "query", "minor", "fields", "host", "content_length", "chunked", "has_body",
    "keep_alive", "expect_continue",
)  # fmt: skip


def state(request: RequestHead) -> dict[str, object]:
    return {name: getattr(request, name) for name in ATTRIBUTES}


def test_all_attributes() -> None:
    request = head("POST /a%20b?c=d HTTP/1.1\nHost: a:1\nContent-Length: 5\nExpect: 100-continue")
    fields = request.fields
    assert state(request) == {
        "line": b"POST /a%20b?c=d HTTP/1.1",
        "method": "POST",
        "target": b"/a%20b?c=d",
        "path": b"/a%20b",
        "query": b"c=d",
        "minor": 1,
        "fields": fields,
        "host": b"a:1",
        "content_length": 5,
        "chunked": False,
        "has_body": True,
        "keep_alive": True,
        "expect_continue": True,
    }
    assert texts(request) == ["host: a:1", "content-length: 5", "expect: 100-continue"]
    assert repr(request).startswith("RequestHead(b'POST /a%20b?c=d HTTP/1.1', [Field(b'host', b'a:1'),")


def test_http_1_0_without_fields() -> None:
    request = head("GET / HTTP/1.0")
    assert (request.minor, request.fields, request.host, request.keep_alive) == (0, [], b"", False)


def test_the_authority_of_a_target_replaces_host() -> None:
    request = head("GET http://b:2/c HTTP/1.1\nAccept: */*\nHost: a")
    assert (request.host, texts(request)) == (b"b:2", ["host: b:2", "accept: */*"])
    assert (request.target, request.path) == (b"http://b:2/c", b"/c")
    assert texts(head("GET http://b HTTP/1.0")) == ["host: b"]


def test_connect_is_the_last_request_of_its_connection() -> None:
    assert not head("CONNECT a:1 HTTP/1.1\nHost: a:1").keep_alive


@pytest.mark.parametrize(
    "line", ["GET /", "GET / HTTP/1.1 x", "GET  / HTTP/1.1", "GET /\x80 HTTP/1.1", "", "GET CONNECT HTTP/1.1"]
)
def test_request_lines_that_are_none(line: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        head(f"{line}\nHost: a")
    assert caught.value.status == 400


def test_structure_is_judged_before_grammar() -> None:
    """A client that sends octet by octet is refused for the first thing that shows; so must be one that does not."""
    for text in ("GET / HTTP/9.9\nHost: a\nX: b", "GET / HTTP/1.1\nHost: a\nTransfer-Encoding: x"):
        block = text.replace("\n", "\r\n").encode()
        with pytest.raises(RemoteProtocolError) as caught:
            parse(block, LIMITS, STRICT)
        assert caught.value.status in (505, 501)
        with pytest.raises(RemoteProtocolError) as caught:
            parse(block + b"\nY: c", LIMITS, STRICT)
        assert caught.value.status == 400
        with pytest.raises(RemoteProtocolError) as caught:
            parse(block + b"\r\nY: " + b"c" * 9000, LIMITS, STRICT)
        assert caught.value.status == 431


def test_sizes_are_judged_in_heads_that_are_fine_otherwise() -> None:
    for limits, status in (
        (Limits(request_line=10), 414), (Limits(field_size=5), 431), (Limits(fields=1), 431), (Limits(head=20), 431),
    ):  # fmt: skip
        with pytest.raises(RemoteProtocolError) as caught:
            parse(b"GET / HTTP/1.1\r\nHost: a\r\nB: c", limits, STRICT)
        assert caught.value.status == status


def test_a_known_line_can_still_be_too_long_for_another_connection() -> None:
    block = b"GET / HTTP/1.1\r\nHost: a\r\nX: bcdefghijk"
    parse(block, LIMITS, STRICT)
    with pytest.raises(RemoteProtocolError):
        parse(block, Limits(field_size=10), STRICT)


def test_folds() -> None:
    assert unfold([b"A: b", b"  c ", b"\td", b"E: f"]) == [b"A: b c d", b"E: f"]
    assert unfold([b" a", b"B: c"]) == [b" a", b"B: c"]
    lax = Policy(permit_obsolete_folding=True)
    assert texts(head("GET / HTTP/1.1\nHost: a\nX: b\n c", lax)) == ["host: a", "x: b c"]
    with pytest.raises(RemoteProtocolError):
        head("GET / HTTP/1.1\nHost: a\nX: b\n c")


def test_repeated_fields_are_shared_not_copied() -> None:
    first = head("GET /1 HTTP/1.1\nHost: a\nX: b")
    second = parse_repeated(b"DELETE /2?3 HTTP/1.1", first, LIMITS, STRICT)
    assert second is not None
    assert second.fields is first.fields
    assert (second.method, second.path, second.query, second.host) == ("DELETE", b"/2", b"3", b"a")


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.0",
        b"GET http://b/ HTTP/1.1",
        b"CONNECT a:1 HTTP/1.1",
        b"GET /",
        b"GET /\n HTTP/1.1",
        b"GET / HTTP/9.9",
        b"GET /" + b"a" * 8000 + b" HTTP/1.1",
    ],
)
def test_what_repeated_fields_do_not_decide(line: bytes) -> None:
    assert parse_repeated(line, head("GET / HTTP/1.1\nHost: a"), LIMITS, STRICT) is None


@pytest.mark.parametrize(
    "message", [message for message in load() if message.is_default], ids=lambda message: message.name
)
def test_a_short_cut_leads_to_the_same_head(message: object) -> None:
    """Whatever head is in the corpus, and then comes again: the second is as the first."""
    block, end, _ = getattr(message, "octets", b"").partition(b"\r\n\r\n")
    if not end:
        return
    try:
        first = parse(block, LIMITS, STRICT)
    except RemoteProtocolError:
        return
    again = parse_repeated(first.line, first, LIMITS, STRICT)
    assert again is None or state(again) == state(first)
