"""Chunked content, step by step; the hostile variations are in tests/wire."""

import pytest

from tonnage.errors import RemoteProtocolError
from tonnage.http.body import Chunked
from tonnage.http.limits import Limits, Policy


def decode(
    octets: bytes, limits: Limits | None = None, policy: Policy | None = None
) -> tuple[bytes, Chunked, int, bool]:
    chunked = Chunked(limits or Limits(), policy or Policy())
    content, at, complete = chunked.decode(octets, 0)
    return content, chunked, at, complete


def refusal(octets: bytes, limits: Limits | None = None, policy: Policy | None = None) -> int:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(octets, limits, policy)
    return caught.value.status


def test_content_is_put_together_and_what_follows_is_left_alone() -> None:
    content, _, at, complete = decode(b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\nGET")
    assert (content, at, complete) == (b"abc", 22, True)


def test_it_can_begin_anywhere_in_a_buffer() -> None:
    assert Chunked(Limits(), Policy()).decode(b"xxx1\r\na\r\n0\r\n\r\n", 3) == (b"a", 14, True)


def test_octet_by_octet_from_a_growing_buffer() -> None:
    chunked, buffer, at, content = Chunked(Limits(), Policy()), bytearray(), 0, b""
    octets = b"2;a\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n"
    for index, octet in enumerate(octets):
        buffer.append(octet)
        piece, at, complete = chunked.decode(buffer, at)
        assert isinstance(piece, bytes)
        content += piece
        assert complete == (index == len(octets) - 1)
    assert content == b"abc"
    assert [(field.name, field.text) for field in chunked.trailers] == [(b"x", "y")]


def test_what_is_incomplete_is_left_for_later() -> None:
    for octets, content, at in (
        (b"", b"", 0),
        (b"2", b"", 0),
        (b"2\r", b"", 0),
        (b"2\r\n", b"", 3),
        (b"2\r\na", b"a", 4),
        (b"2\r\nab", b"ab", 5),
        (b"2\r\nab\r", b"ab", 5),
        (b"2\r\nab\r\n", b"ab", 7),
        (b"2\r\nab\r\n0\r\n", b"ab", 10),
        (b"0\r\n\r", b"", 3),
        (b"0\r\nX: y\r\n\r", b"", 3),
    ):
        assert decode(octets)[0::2] == (content, at)
        assert decode(octets)[3] is False


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"x\r\n",
        b"1 \r\n",
        b"-1\r\n",
        b"1\n",
        b"\n",
        b"1\r\nab\r\n",
        b"1\r\na\n",
        b"1\r\na\rb",
        b"1;\r\n",
        b"1;a\nb\r\n",
        b"0\r\nX\r\n\r\n",
        b"0\r\nX: y\n\r\n",
        b"0\r\n\n",
        b"0\r\nX : y\r\n\r\n",
        b"8000000000000000\r\n",
        b"1" * 1026,
    ],
)
def test_malformed_content(octets: bytes) -> None:
    assert refusal(octets) == 400


def test_no_more_than_the_body_limit() -> None:
    limits = Limits(body=3)
    assert decode(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", limits)[0] == b"abc"
    assert refusal(b"2\r\nab\r\n2\r\n", limits) == 413
    assert refusal(b"4\r\n", limits) == 413


def test_extensions_are_bounded_by_line_and_together() -> None:
    assert refusal(b"1;" + b"a" * 1024) == 400
    limits = Limits(chunk_extensions=4)
    assert decode(b"1;a\r\nb\r\n0;c\r\n\r\n", limits)[3]
    assert refusal(b"1;a\r\nb\r\n1;cc\r\n", limits) == 400


def test_a_size_line_may_be_as_long_as_its_limit() -> None:
    limits = Limits(chunk_line=5)
    assert decode(b"00000\r\n\r\n", limits)[3]
    assert refusal(b"000000\r\n\r\n", limits) == 400
    assert decode(b"00000\r", limits)[2] == 0
    assert refusal(b"000000\r", limits) == 400


def test_trailers_are_bounded_together_and_in_number() -> None:
    limits = Limits(trailers=10, fields=2)
    assert decode(b"0\r\nA: b\r\nC: d\r\n\r\n", limits)[3]
    assert refusal(b"0\r\nA: bbbbbbbb\r\n\r\n", limits) == 431
    assert refusal(b"0\r\nA: bbbbbbbbbbbbbbb", limits) == 431
    assert refusal(b"0\r\nA:\r\nB:\r\nC:\r\n\r\n", Limits(fields=2)) == 431


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "TE", "Authorization", "If-Match", "Set-Cookie", "Content-Range"]
)
def test_what_must_be_known_before_the_content_is_no_trailer(name: str) -> None:
    assert refusal(f"0\r\n{name}: a\r\n\r\n".encode()) == 400


def test_underscores_in_trailers() -> None:
    octets = b"0\r\nA_b: c\r\nD: e\r\n\r\n"
    assert [field.name for field in decode(octets)[1].trailers] == [b"d"]
    assert [field.name for field in decode(octets, policy=Policy(header_map="dangerous"))[1].trailers] == [b"a_b", b"d"]
    assert refusal(octets, policy=Policy(header_map="refuse")) == 400


def test_small_chunks_come_out_together() -> None:
    """One event for what one recv brought, however a client has cut it."""
    content, _, _, complete = decode(b"1\r\na\r\n" * 5000 + b"0\r\n\r\n")
    assert (content, complete) == (b"a" * 5000, True)
