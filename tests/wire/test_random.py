"""Hypothesis cuts and spoils messages: how octets arrive changes nothing, and no octets do anything unforeseen."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.corpus import Message, Request, load
from tests.wire.drive import Outcome, connect, drive, one_by_one
from tests.wire.foreign import ask_h11, ask_httptools
from tonnage.http.connection import Connection
from tonnage.http.limits import Limits, Policy

CORPUS = load()
SMALL = [message for message in CORPUS if len(message.octets) < 1000]
STATUSES = {None, 400, 413, 414, 417, 431, 501, 505}

messages = st.sampled_from(CORPUS)
token = st.text("!#$%&'*+-.^`|~abcXYZ019", min_size=1, max_size=12)
value = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1).map(str.strip)
names = token.filter(lambda name: name.lower() not in {"te", "host", "connection", "expect", "content-type"})
visible = st.text("abc/%=&;:@~.-_?[]|", max_size=30)
bodies = st.lists(st.binary(min_size=1, max_size=40), max_size=4)


def cut(octets: bytes, places: list[int]) -> Iterator[bytes]:
    ends = sorted({0, len(octets), *(place % (len(octets) + 1) for place in places)})
    return (octets[start:end] for start, end in pairwise(ends))


@settings(max_examples=300)
@given(messages, st.lists(st.integers(min_value=0)))
def test_any_cuts_make_no_difference(message: Message, places: list[int]) -> None:
    whole = drive(connect(message), [message.octets], eof=message.eof)
    assert drive(connect(message), cut(message.octets, places), eof=message.eof) == whole


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[Message, bytes]:
    """A message of the corpus with some octets replaced, removed, doubled or put in."""
    message = draw(st.sampled_from(SMALL))
    octets = bytearray(message.octets)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(octets)))
        size = draw(st.integers(0, 3))
        octets[at : at + size] = draw(st.sampled_from(SPOILERS) | st.binary(max_size=3))
    return message, bytes(octets)


SPOILERS = [
    b"", b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"\xa0", b"\r\n\r\n", b"GET / HTTP/1.1", b"0\r\n\r\n", b"_",
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"chunked", b",", b";", b"close",
]  # fmt: skip


@settings(max_examples=1000)
@given(spoilt(), st.booleans())
def test_spoilt_messages_are_judged_the_same_however_they_arrive(case: tuple[Message, bytes], eof: bool) -> None:
    message, octets = case
    whole = drive(connect(message), [octets], eof=eof)
    assert drive(connect(message), one_by_one(octets), eof=eof) == whole
    assert whole.refused in STATUSES


@settings(max_examples=1000)
@given(spoilt())
def test_what_we_take_of_a_spoilt_message_others_take_the_same_way(case: tuple[Message, bytes]) -> None:
    """The other way round is not promised: we refuse more."""
    _, octets = case
    ours = drive(Connection(Limits(), Policy()), [octets])
    if not ours.requests or is_known_difference(octets, ours.requests[0]):
        return
    first = ours.requests[0]
    wanted = (first.method, first.target, first.content)
    for verdict in (ask_h11([octets]), ask_httptools([octets])):
        assert verdict.requests[:1] == [wanted]


def is_known_difference(octets: bytes, first: Request) -> bool:
    """Where `differences.OTHERWISE` says that others refuse, or stop before the end, what we take."""
    return (
        octets.startswith(b"\r\n")
        or first.method not in {"GET", "POST", "PUT", "HEAD"}
        or b"upgrade" in octets.lower()
        or any(field.startswith(("content-length: 0", "transfer-encoding: ")) for field in first.fields or ())
    )


@st.composite
def heads(draw: st.DrawFn) -> tuple[str, str, list[tuple[str, str]], list[bytes], bool]:
    method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]))
    fields = draw(st.lists(st.tuples(names, value), max_size=20))
    return method, "/" + draw(visible), fields, draw(bodies), draw(st.booleans())


def compose(method: str, target: str, fields: list[tuple[str, str]], body: list[bytes], *, chunked: bool) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a.example", *(f"{name}: {text}" for name, text in fields)]
    lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {sum(map(len, body))}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    if not chunked:
        return head + b"".join(body)
    return head + b"".join(b"%X\r\n%b\r\n" % (len(piece), piece) for piece in body) + b"0\r\n\r\n"


@settings(max_examples=500)
@given(heads(), st.lists(st.integers(min_value=0), max_size=10))
def test_a_valid_request_comes_out_as_it_went_in(
    case: tuple[str, str, list[tuple[str, str]], list[bytes], bool], places: list[int]
) -> None:
    method, target, fields, body, chunked = case
    octets = compose(method, target, fields, body, chunked=chunked)
    seen = drive(Connection(Limits(), Policy()), cut(octets, places))
    (request,) = seen.requests
    assert (request.method, request.target, request.content) == (method, target, b"".join(body))
    assert list(request.fields or ())[1:-1] == [f"{name.lower()}: {text}" for name, text in fields if "_" not in name]
    assert (seen.refused, seen.end) == (None, "open")
    for verdict in (ask_h11([octets]), ask_httptools([octets])):
        assert verdict.requests == [(method, target, b"".join(body))]


@settings(max_examples=200)
@given(st.lists(heads(), max_size=5), st.lists(st.integers(min_value=0), max_size=10))
def test_pipelined_requests_come_out_in_order(
    cases: list[tuple[str, str, list[tuple[str, str]], list[bytes], bool]], places: list[int]
) -> None:
    octets = b"".join(
        compose(method, target, fields, body, chunked=chunked) for method, target, fields, body, chunked in cases
    )
    seen = drive(Connection(Limits(), Policy()), cut(octets, places))
    assert [(request.method, request.target, request.content) for request in seen.requests] == [
        (method, target, b"".join(body)) for method, target, _, body, _ in cases
    ]


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_noise_is_refused_or_awaited(octets: bytes) -> None:
    seen: Outcome = drive(Connection(Limits(), Policy()), [octets])
    assert seen.requests == []
    assert seen.refused in STATUSES
