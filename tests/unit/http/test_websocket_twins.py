"""The short way through whole frames gives what `websockets` gives by itself: messages, octets, codes."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from tests.unit.http.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, deflate, frame, opened
from tonnage.http.upgrade import DEFLATE
from tonnage.http.websocket import Closed, Message

MOST = 400
Outcome = tuple[list[Message], Closed | None, bytes, bool]

payloads = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=12).map(str.encode),
    st.sampled_from([b"x" * 125, b"x" * 126, b"x" * 401, b"x" * 66_000, "é".encode() * 60, b"\xe2\x98"]),
    st.sampled_from([deflate(b"hello"), deflate(b"\0" * 399), deflate(b"\0" * 401), deflate("☃".encode() * 20)]),
    st.sampled_from([b"\x03\xe8", b"\x03\xe8why", b"\x03\xed", b"\x0f\xa0"]),
)
opcodes = st.sampled_from([TEXT, TEXT, TEXT, BINARY, BINARY, CONT, CONT, PING, PONG, CLOSE, 3, 11])
frames = st.builds(
    frame,
    opcodes,
    payloads,
    fin=st.sampled_from([True, True, True, False]),
    rsv=st.sampled_from([0, 0, 0, 0, 4, 4, 4, 2, 1]),
    masked=st.sampled_from([True] * 15 + [False]),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(frames, max_size=8), st.lists(st.integers(1, 2000), max_size=12), st.booleans())
def test_the_two_ways_are_one(sent: list[bytes], cuts: list[int], deflated: bool) -> None:
    data = b"".join(sent)
    edges = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert ours(pieces, deflated=deflated) == theirs(data, deflated=deflated)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.text(max_size=300)), max_size=6), st.booleans())
def test_what_we_send_they_read(messages: list[tuple[bool, str]], deflated: bool) -> None:
    websocket = opened(deflated=deflated)
    octets = [websocket.text(text) if is_text else websocket.binary(text.encode()) for is_text, text in messages]
    assert octets == [
        frame.serialize(mask=False, extensions=extensions)
        for extensions in [protocol(deflated=deflated).extensions]
        for frame in [Frame(Opcode.TEXT if is_text else Opcode.BINARY, text.encode()) for is_text, text in messages]
    ]


def ours(pieces: list[bytes], *, deflated: bool) -> Outcome:
    websocket = opened(MOST, deflated=deflated)
    messages: list[Message] = []
    for piece in pieces:
        messages += websocket.receive(piece)
        while websocket.unseen:
            messages += websocket.receive(websocket.unseen)
    return messages, websocket.closed, websocket.take(), websocket.ended


def protocol(*, deflated: bool) -> ServerProtocol:
    judge = ServerProtocol(state=OPEN, max_size=MOST)
    if deflated:
        judge.extensions = [DEFLATE.process_request_params([("client_max_window_bits", None)], [])[1]]
    return judge


def theirs(data: bytes, *, deflated: bool) -> Outcome:
    """Octet by octet, so that text which is not UTF-8 is noticed at the end of its own message."""
    judge = protocol(deflated=deflated)
    messages: list[Message] = []
    part = b""
    is_text = False
    for octet in data:
        judge.receive_data(bytes((octet,)))
        for event in judge.events_received():
            assert isinstance(event, Frame)
            if event.opcode in (Opcode.TEXT, Opcode.BINARY):
                is_text = event.opcode is Opcode.TEXT
                part = b""
            elif event.opcode is not Opcode.CONT:
                continue
            part += event.data
            if event.fin:
                try:
                    messages.append(part.decode() if is_text else part)
                except UnicodeDecodeError as exc:
                    judge.fail(1007, f"{exc.reason} at position {exc.start}")
        if judge.eof_sent:
            break
    return messages, how_it_ended(judge), b"".join(judge.data_to_send()), judge.eof_sent


def how_it_ended(judge: ServerProtocol) -> Closed | None:
    named = judge.close_rcvd if judge.close_rcvd_then_sent and judge.parser_exc is None else judge.close_sent
    return None if named is None else Closed(named.code, named.reason)
