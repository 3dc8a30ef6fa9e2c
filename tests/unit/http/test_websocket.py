"""Frames, by RFC 6455's rules one after the other; whole, and cut at every place."""

import pytest

from tests.unit.http.frames import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    close,
    close_of,
    deflate,
    frame,
    opened,
    read,
    text,
)
from tonnage.errors import LocalProtocolError
from tonnage.http.websocket import Closed, Message, WebSocket

SNOW = "snöw ☃"


def cuts(data: bytes) -> list[list[bytes]]:
    """Whole, octet by octet, and in two at every place."""
    in_two = [[data[:at], data[at:]] for at in range(1, len(data))]
    return [[data], [data[i : i + 1] for i in range(len(data))], *in_two]


def receive(data: bytes, most: int = 1 << 20, *, deflated: bool = False) -> tuple[list[Message], Closed | None, bytes]:
    """What comes of it, which must be the same however it is cut."""
    outcomes: list[tuple[list[Message], Closed | None, bytes]] = []
    for pieces in cuts(data):
        websocket = opened(most, deflated=deflated)
        messages = [message for piece in pieces for message in websocket.receive(piece)]
        outcomes.append((messages, websocket.closed, websocket.take()))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    return outcomes[0]


MESSAGES: list[tuple[bytes, list[Message]]] = [
    (text("hello"), ["hello"]),
    (text(""), [""]),
    (text(SNOW), [SNOW]),
    (frame(BINARY, b"\x00\xff"), [b"\x00\xff"]),
    (frame(BINARY, b"x" * 125), [b"x" * 125]),
    (frame(BINARY, b"x" * 126), [b"x" * 126]),
    (frame(BINARY, b"x" * 300), [b"x" * 300]),
    (text("one") + frame(BINARY, b"two") + text("three"), ["one", b"two", "three"]),
    (frame(TEXT, b"a", fin=False) + frame(CONT, b"b", fin=False) + frame(CONT, b"c"), ["abc"]),
    (frame(BINARY, b"", fin=False) + frame(CONT, b"", fin=False) + frame(CONT), [b""]),
    (text("before") + frame(TEXT, b"a", fin=False) + frame(CONT, b"b") + text("after"), ["before", "ab", "after"]),
    (frame(TEXT, SNOW.encode()[:3], fin=False) + frame(CONT, SNOW.encode()[3:]), [SNOW]),  # cut within a character
    (frame(PONG, b"nobody asked") + text("x"), ["x"]),
]


@pytest.mark.parametrize(("data", "messages"), MESSAGES)
def test_messages_come_out_whole_however_they_are_cut(data: bytes, messages: list[Message]) -> None:
    assert receive(data) == (messages, None, b"")


@pytest.mark.parametrize("size", [65535, 65536, 300_000])
def test_a_large_message_has_a_length_of_64_bits(size: int) -> None:
    websocket = opened()
    data = frame(BINARY, b"x" * size)
    assert websocket.receive(data) == [b"x" * size]
    assert websocket.receive(data[:70_000]) + websocket.receive(data[70_000:]) == [b"x" * size]


def test_a_ping_within_a_fragmented_message_is_answered_at_once() -> None:
    data = frame(TEXT, b"a", fin=False) + frame(PING, b"are you there") + frame(CONT, b"b")
    messages, closed, sent = receive(data)
    assert (messages, closed, read(sent)) == (["ab"], None, [(0x80 | PONG, b"are you there")])


def test_our_ping_is_answered_by_its_own_pong_only() -> None:
    websocket = opened()
    assert websocket.answered
    assert read(websocket.ping(b"mark")) == [(0x80 | PING, b"mark")]
    websocket.receive(frame(PONG, b"other"))
    assert not websocket.answered
    websocket.receive(frame(PONG, b"mark"))
    assert websocket.answered


HOSTILE = {
    "not masked": (frame(TEXT, b"x", masked=False), 1002),
    "a control frame that is not masked": (frame(PING, masked=False), 1002),
    "reserved bit 1, and nothing was negotiated": (frame(TEXT, b"x", rsv=4), 1002),
    "reserved bit 2": (frame(TEXT, b"x", rsv=2), 1002),
    "reserved bit 3": (frame(BINARY, b"x", rsv=1), 1002),
    "a reserved bit on a ping": (frame(PING, b"x", rsv=4), 1002),
    "reserved data opcode": (frame(3, b"x"), 1002),
    "reserved control opcode": (frame(11), 1002),
    "a control frame of 126 octets": (frame(PING, b"x" * 126), 1002),
    "a control frame in fragments": (frame(PING, b"x", fin=False), 1002),
    "a close in fragments": (frame(CLOSE, b"", fin=False), 1002),
    "a continuation of nothing": (frame(CONT, b"x"), 1002),
    "a new message within a fragmented one": (frame(TEXT, b"x", fin=False) + text("y"), 1002),
    "a close within a fragmented message": (frame(TEXT, b"x", fin=False) + close(1000), 1002),
    "a close of one octet": (frame(CLOSE, b"\x03"), 1002),
    "close code 0": (close(0), 1002),
    "close code 999": (close(999), 1002),
    "close code 1004, reserved": (close(1004), 1002),
    "close code 1005, never sent": (close(1005), 1002),
    "close code 1006, never sent": (close(1006), 1002),
    "close code 1015, never sent": (close(1015), 1002),
    "close code 1016, not registered": (close(1016), 1002),
    "close code 2999": (close(2999), 1002),
    "close code 5000": (close(5000), 1002),
    "a reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "text that is not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "text that ends within a character": (frame(TEXT, SNOW.encode()[:-1]), 1007),
    "a surrogate in UTF-8": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "overlong UTF-8": (frame(TEXT, b"\xc0\xaf"), 1007),
    "fragments that are not UTF-8 together": (frame(TEXT, b"\xe2", fin=False) + frame(CONT, b"x"), 1007),
    "a message above the limit": (frame(BINARY, b"x" * 201), 1009),
    "a long message above the limit": (frame(BINARY, b"x" * 500), 1009),
    "fragments above the limit together": (frame(TEXT, b"x" * 160, fin=False) + frame(CONT, b"x" * 41), 1009),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_frame_ends_it_with_a_close_that_says_why(name: str) -> None:
    data, code = HOSTILE[name]
    messages, closed, sent = receive(text("before") + data + text("after"), most=200)
    assert messages == ["before"]
    assert closed is not None
    assert closed.code == code
    (answer,) = read(sent)
    assert answer[0] == 0x80 | CLOSE
    assert int.from_bytes(answer[1][:2]) == code


def test_a_length_of_an_exabyte_is_refused_by_its_head_alone() -> None:
    websocket = opened(most=100)
    websocket.receive(frame(BINARY, length=1 << 60)[:10])
    assert websocket.closed is not None
    assert websocket.closed.code == 1009


def test_without_a_limit_only_the_head_of_a_huge_frame_is_held() -> None:
    websocket = opened(most=0)
    assert websocket.receive(frame(BINARY, length=1 << 60)) == []
    assert websocket.closed is None


@pytest.mark.parametrize("one", [text(""), frame(PING), frame(BINARY, b"x" * 1000), frame(TEXT, deflate(b"x"), rsv=4)])
def test_a_flood_is_looked_at_in_turns(one: bytes) -> None:
    """Whatever comes in one packet, others get their turn after some 256 frames."""
    websocket = opened(deflated=True)
    count = answers = turns = 0
    rest = one * 2000
    while rest:
        count += len(websocket.receive(rest))
        answers += len(read(websocket.take()))
        rest = websocket.unseen
        turns += 1
    assert count + answers == 2000
    assert turns >= 7
    assert websocket.closed is None


def test_what_inflates_a_lot_is_looked_at_one_by_one() -> None:
    websocket = opened(deflated=True)
    rest = frame(BINARY, deflate(bytes(1_000_000)), rsv=4) * 3
    for _ in range(3):
        assert len(websocket.receive(rest)) == 1
        rest = websocket.unseen
    assert rest == b""


def test_endless_empty_fragments_take_no_memory() -> None:
    websocket = opened()
    websocket.receive(frame(TEXT, b"", fin=False))
    for _ in range(1000):
        websocket.receive(frame(CONT, b"", fin=False))
    assert len(websocket._part) == 0
    assert websocket.receive(frame(CONT, b"x")) == ["x"]


# -- closing -----------------------------------------------------------------------------------------------------------


def test_a_close_is_answered_with_its_own_code() -> None:
    messages, closed, sent = receive(text("last words") + close(4001, "bye") + text("never read"))
    assert messages == ["last words"]
    assert closed == Closed(4001, "bye")
    assert read(sent) == [close_of(4001, "bye")]


def test_a_close_without_a_code_is_1005_to_the_application_and_empty_to_the_client() -> None:
    _, closed, sent = receive(frame(CLOSE))
    assert closed == Closed(1005)
    assert read(sent) == [(0x80 | CLOSE, b"")]


def test_the_end_of_the_stream_without_a_close_is_1006() -> None:
    websocket = opened()
    websocket.receive(text("x")[:3])
    websocket.receive_end()
    assert websocket.closed == Closed(1006)
    assert websocket.take() == b""
    assert websocket.ended


def test_after_both_closes_the_stream_ends_and_nothing_more_is_read() -> None:
    websocket = opened()
    websocket.receive(close(1000))
    websocket.take()
    assert websocket.ended
    assert not websocket.is_open
    assert websocket.receive(text("x")) == []
    websocket.receive_end()
    assert websocket.closed == Closed(1000)


def test_what_the_client_sent_before_it_saw_our_close_is_received() -> None:
    websocket = opened()
    assert read(websocket.close(1012, "restart")) == [close_of(1012, "restart")]
    assert not websocket.is_open
    assert not websocket.ended
    assert websocket.receive(text("on its way") + close(1012)) == ["on its way"]
    assert websocket.closed == Closed(1012, "restart")
    assert websocket.take() == b""
    assert websocket.ended


@pytest.mark.parametrize("how", [frame(TEXT, b"\xff"), frame(3), b""])
def test_whoever_closes_first_names_the_code(how: bytes) -> None:
    websocket = opened()
    websocket.close(4000)
    if how:
        websocket.receive(how)
    else:
        websocket.receive_end()
    assert websocket.closed == Closed(4000)
    assert websocket.take() == b""
    assert websocket.ended


def test_a_keepalive_that_fails_says_so() -> None:
    websocket = opened()
    websocket.fail(1011, "no pong")
    assert read(websocket.take()) == [close_of(1011, "no pong")]
    assert websocket.ended
    assert websocket.closed == Closed(1011, "no pong")


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1, 70000])
def test_the_application_cannot_close_with_a_code_that_may_not_be_sent(code: int) -> None:
    websocket = opened()
    with pytest.raises(LocalProtocolError, match=f"the close code {code} may not be sent"):
        websocket.close(code)
    assert websocket.is_open


def test_a_reason_has_to_fit_a_control_frame() -> None:
    websocket = opened()
    with pytest.raises(LocalProtocolError, match="123"):
        websocket.close(1000, "ö" * 62)
    websocket.close(1000, "ö" * 61 + "x")


def test_a_long_reason_of_our_own_is_cut_between_characters() -> None:
    websocket = opened()
    websocket.fail(1002, "ö" * 100)
    assert read(websocket.take()) == [close_of(1002, "ö" * 61)]


def test_nothing_is_sent_after_a_close() -> None:
    websocket = opened()
    websocket.close(1000)
    with pytest.raises(LocalProtocolError):
        websocket.text("x")
    with pytest.raises(LocalProtocolError):
        websocket.binary(b"x")
    with pytest.raises(LocalProtocolError):
        websocket.close(1000)


# -- sending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
def test_a_message_is_one_frame_with_the_shortest_length(size: int) -> None:
    websocket = opened()
    assert read(websocket.binary(b"x" * size)) == [(0x80 | BINARY, b"x" * size)]
    assert len(websocket.binary(b"x" * size)) == size + (2 if size < 126 else 4 if size < 65536 else 10)


def test_text_is_utf_8() -> None:
    assert read(opened().text(SNOW)) == [(0x80 | TEXT, SNOW.encode())]


# -- permessage-deflate ------------------------------------------------------------------------------------------------


def echo(websocket: WebSocket, message: str) -> str:
    """Our own frame, as a client would send it back."""
    ((first, data),) = read(websocket.text(message))
    assert first == 0x80 | 0x40 | TEXT
    (back,) = websocket.receive(frame(TEXT, data, rsv=4))
    assert isinstance(back, str)
    return back


def test_messages_are_deflated_in_one_context() -> None:
    websocket = opened(deflated=True)
    first, second = websocket.text("a long enough message" * 5), websocket.text("a long enough message" * 5)
    assert len(second) < len(first) < 100
    assert echo(opened(deflated=True), SNOW * 1000) == SNOW * 1000


def test_a_deflated_message_comes_out_however_it_is_cut() -> None:
    data = deflate(b"hello " * 20)
    half = frame(TEXT, data[:5], fin=False, rsv=4) + frame(CONT, data[5:])
    whole = frame(TEXT, data, rsv=4)
    assert receive(whole, deflated=True) == (["hello " * 20], None, b"")
    assert receive(half, deflated=True) == (["hello " * 20], None, b"")
    assert receive(text("plain") + whole, deflated=True) == (["plain", "hello " * 20], None, b"")


DEFLATED_HOSTILE = {
    "a bomb": (frame(BINARY, deflate(b"\0" * 1_000_000), rsv=4), 1009),
    "a bomb in fragments": (
        frame(BINARY, deflate(b"\0" * 90), rsv=4, fin=False) + frame(CONT, deflate(b"\0" * 100_000)), 1009,
    ),
    "deflated garbage": (frame(TEXT, b"\xff" * 20, rsv=4), 1002),
    "deflated and not UTF-8": (frame(TEXT, deflate(b"\xff"), rsv=4), 1007),
    "reserved bit 1 on a continuation": (frame(TEXT, deflate(b"x"), rsv=4, fin=False) + frame(CONT, b"", rsv=4), 1002),
    "reserved bit 2": (frame(TEXT, deflate(b"x"), rsv=6), 1002),
    "a deflated ping": (frame(PING, deflate(b"x"), rsv=4), 1002),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFLATED_HOSTILE)
def test_hostile_compression_ends_it(name: str) -> None:
    data, code = DEFLATED_HOSTILE[name]
    messages, closed, _ = receive(data, most=100, deflated=True)
    assert messages == []
    assert closed is not None
    assert closed.code == code


def test_a_message_that_inflates_to_the_limit_exactly_is_let_pass() -> None:
    for most in (100, 99):
        websocket = opened(most, deflated=True)
        messages = websocket.receive(frame(BINARY, deflate(b"\0" * 100), rsv=4))
        assert bool(messages) == (most == 100)
