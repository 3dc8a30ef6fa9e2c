"""Responses as octets: what an application may say, and what would split a response."""

import pytest

from tonnage.errors import LocalProtocolError
from tonnage.http import state, write


def collect(*fields: tuple[str, str]) -> tuple[bytes, int | None, int]:
    lines: list[bytes] = []
    length, flags = write.collect(fields, lines)
    return b"".join(lines), length, flags


@pytest.mark.parametrize(
    ("status", "line", "kind"),
    [
        ("200 OK", b"HTTP/1.1 200 OK\r\n", write.CONTENT),
        ("404 Nicht \xe4", b"HTTP/1.1 404 Nicht \xe4\r\n", write.CONTENT),
        ("200 ", b"HTTP/1.1 200 \r\n", write.CONTENT),
        ("200", b"HTTP/1.1 200 \r\n", write.CONTENT),
        ("204 No Content", b"HTTP/1.1 204 No Content\r\n", write.NO_CONTENT),
        ("205 Reset", b"HTTP/1.1 205 Reset\r\n", write.EMPTY),
        ("304 Not Modified", b"HTTP/1.1 304 Not Modified\r\n", write.NOT_MODIFIED),
        ("999 " + "x" * 300, b"HTTP/1.1 999 " + b"x" * 300 + b"\r\n", write.CONTENT),
    ],
)
def test_statuses(status: str, line: bytes, kind: int) -> None:
    assert write.learn_status(status) == (line, kind)
    assert write.known_status(status) in ((line, kind), None)


@pytest.mark.parametrize(
    "status",
    [
        "",
        "OK",
        "20",
        "2000",
        "200OK",
        "200\r\nX: y",
        "200 OK\r\nX: y",
        "200 O\nK",
        "200 \0",
        "099 x",
        "100 Continue",
        "101 x",
        "200 \u20ac",
        b"200 OK",
        200,
    ],
)
def test_what_is_no_status(status: str) -> None:
    with pytest.raises(LocalProtocolError):
        write.learn_status(status)
    assert not write._statuses


def test_fields_are_sent_as_they_are_said() -> None:
    assert collect(("X-a", "b"), ("x-A", "c\td \xe4"), ("Y", "")) == (b"X-a: b\r\nx-A: c\td \xe4\r\nY: \r\n", None, 0)


def test_length_is_told_apart() -> None:
    assert collect(("Content-Length", "5"), ("X", "y"), ("content-length", "005")) == (b"X: y\r\n", 5, 0)


@pytest.mark.parametrize("value", ["", "-1", "+1", "1,1", "1.0", "x", "1" * 19, "\xb2", "\u0665", " 1", "1\r\n"])
def test_what_is_no_length(value: str) -> None:
    with pytest.raises(LocalProtocolError):
        collect(("Content-Length", value))


def test_lengths_may_not_differ() -> None:
    with pytest.raises(LocalProtocolError):
        collect(("Content-Length", "5"), ("Content-Length", "6"))


@pytest.mark.parametrize(
    "name", ["Connection", "Keep-Alive", "TRANSFER-ENCODING", "Upgrade", "te", "Trailer", "Proxy-Authenticate"]
)
def test_the_connection_is_not_the_applications(name: str) -> None:
    assert collect((name, "x")) == (b"", None, 0)


def test_an_application_may_wish_for_the_end_of_the_connection() -> None:
    assert collect(("connection", "keep-alive, Close")) == (b"", None, write.CLOSE)


def test_server_and_date_are_noticed() -> None:
    assert collect(("SERVER", "x"), ("Date", "y")) == (b"SERVER: x\r\nDate: y\r\n", None, write.SERVER | write.DATE)
    assert collect(("SERVER", "x"), ("Date", "y"))[2] == write.SERVER | write.DATE


@pytest.mark.parametrize(
    "pair",
    [
        ("", "a"),
        ("X ", "a"),
        ("X:", "a"),
        ("X\r\n", "a"),
        ("\xc4", "a"),
        ("X\u20ac", "a"),
        ("X", "a\r\nY: b"),
        ("X", "a\n"),
        ("X", "\0"),
        ("X", "\x7f"),
        ("X", "\u20ac"),
        ("X", "a\u2028"),
        ("Set-Cookie", "a\nb"),
        ("Connection", "a\nb"),
        ("Server", "\r"),
    ],
)
def test_what_would_split_a_response(pair: tuple[str, str]) -> None:
    for _ in range(2):
        with pytest.raises(LocalProtocolError):
            collect(("Y", "z"), pair)
    assert pair not in write._pairs


@pytest.mark.parametrize(
    "pair",
    [
        ("X",),
        ("X", "a", "b"),
        ("X", b"a"),
        (b"X", "a"),
        (b"X", b"a"),
        ("X", 1),
        (1, "a"),
        ["X", "a"],
        None,
        ("X", None),
    ],
)
def test_what_is_no_pair_of_strings(pair: tuple[str, str]) -> None:
    with pytest.raises(LocalProtocolError):
        collect(pair)


def test_a_secret_is_not_in_the_error() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        collect(("Set-Cookie", "password\n"))
    assert str(caught.value) == "the field Set-Cookie has the control character b'\\n' at position 8"


def test_pairs_are_remembered_but_no_secrets() -> None:
    collect(
        ("X", "y"),
        ("Set-Cookie", "a"),
        ("X-CSRF", "b"),
        ("Location", "c"),
        ("Content-Length", "1"),
        ("Server", "d"),
        ("Z", "z" * 300),
    )
    assert set(write._pairs) == {("X", "y")}


def test_the_memos_are_bounded() -> None:
    for number in range(3 * write.KNOWN_PAIRS):
        collect((f"X{number}", "y"))
        assert len(write._pairs) <= write.KNOWN_PAIRS
        assert len(write._roles) <= write.KNOWN_NAMES
        write.learn_status(f"200 {number}")
        assert len(write._statuses) <= write.KNOWN_STATUSES
    collect(("X" * 65, "y"))
    assert "X" * 65 not in write._roles


def test_a_refusal_is_a_whole_response() -> None:
    assert write.refusal(431, content=True, retry_after_s=None) == (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nServer: tonnage\r\nContent-Type: text/plain\r\n"
        b"Content-Length: 36\r\nConnection: close\r\n\r\n431 Request Header Fields Too Large\n"
    )
    octets = write.refusal(503, content=False, retry_after_s=7)
    assert octets.endswith(b"\r\nRetry-After: 7\r\nConnection: close\r\n\r\n")
    assert write.refusal(599, content=True, retry_after_s=None).startswith(b"HTTP/1.1 599 Error\r\n")


@pytest.mark.parametrize("status", [400, 408, 413, 414, 417, 431, 500, 501, 503, 505])
def test_every_status_that_we_send_has_a_reason(status: int) -> None:
    assert write.REASONS[status].encode() in write.refusal(status, content=True, retry_after_s=None)


@pytest.mark.parametrize(
    ("method", "kind", "minor", "declared", "length", "framed"),
    [
        ("GET", write.CONTENT, 1, None, None, (state.CHUNKED, b"Transfer-Encoding: chunked\r\n")),
        ("GET", write.CONTENT, 0, None, None, (state.UNTIL_CLOSE, b"")),
        ("CONNECT", write.CONTENT, 1, None, 5, (state.UNTIL_CLOSE, b"")),
        ("HEAD", write.CONTENT, 1, 5, 0, (state.NOTHING, b"Content-Length: 5\r\n")),
        ("HEAD", write.CONTENT, 1, None, 5, (state.NOTHING, b"Content-Length: 5\r\n")),
        ("HEAD", write.CONTENT, 1, None, 0, (state.NOTHING, b"")),
        ("HEAD", write.CONTENT, 1, None, None, (state.NOTHING, b"")),
        ("HEAD", write.CONTENT, 1, 0, 0, (state.NOTHING, b"Content-Length: 0\r\n")),
        ("GET", write.NO_CONTENT, 1, 5, 5, (state.NOTHING, b"")),
        ("HEAD", write.NO_CONTENT, 1, 5, 5, (state.NOTHING, b"")),
        ("GET", write.EMPTY, 1, None, 5, (state.NOTHING, b"Content-Length: 0\r\n")),
        ("GET", write.NOT_MODIFIED, 1, 5, 0, (state.NOTHING, b"Content-Length: 5\r\n")),
        ("GET", write.NOT_MODIFIED, 1, None, 5, (state.NOTHING, b"")),
    ],
)
def test_framing(
    method: str, kind: int, minor: int, declared: int | None, length: int | None, framed: tuple[int, bytes]
) -> None:
    assert write.frame(method, kind, minor, declared, length) == framed
