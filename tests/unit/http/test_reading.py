"""Octets in, requests out: the order of events, what is kept, and what the end of the input means."""

import pytest

from tests.wire.drive import DATE
from tonnage.errors import RemoteProtocolError
from tonnage.http.connection import Connection
from tonnage.http.head import LONGEST_KNOWN, RequestHead
from tonnage.http.limits import Limits, Policy
from tonnage.http.state import END

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def connect(*pieces: bytes, limits: Limits | None = None) -> Connection:
    connection = Connection(limits or Limits(), Policy())
    for piece in pieces:
        connection.receive(piece)
    return connection


def next_head(connection: Connection) -> RequestHead:
    head = connection.next()
    assert isinstance(head, RequestHead)
    return head


def answer(connection: Connection) -> bytes:
    return connection.respond_whole("200 OK", [], b"", close=False, date=DATE)


def test_a_request_without_content_has_no_end() -> None:
    connection = connect(GET)
    assert connection.head is None
    head = next_head(connection)
    assert connection.head is head
    assert connection.next() is None


def test_content_comes_in_pieces_and_then_ends() -> None:
    connection = connect(POST + b"he")
    next_head(connection)
    assert [connection.next(), connection.next()] == [b"he", None]
    connection.receive(b"llo")
    assert [connection.next(), connection.next(), connection.next()] == [b"llo", END, None]


def test_large_pieces_are_not_copied() -> None:
    connection = connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    next_head(connection)
    piece = bytes(65536)
    connection.receive(piece)
    assert connection.next() is piece


def test_chunked_content_ends_with_its_trailers() -> None:
    connection = connect(CHUNKED + b"2\r\nab\r\n0\r\nX: y\r\n\r\n")
    next_head(connection)
    assert not connection.trailers
    assert [connection.next(), connection.next(), connection.next()] == [b"ab", END, None]
    assert [field.text for field in connection.trailers] == ["y"]
    answer(connection)
    assert not connection.trailers


def test_idle_is_between_requests_only() -> None:
    connection = connect()
    assert connection.idle
    connection.receive(GET[:5])
    assert connection.next() is None
    assert not connection.idle
    connection.receive(GET[5:])
    assert not connection.idle
    next_head(connection)
    assert not connection.idle
    answer(connection)
    assert connection.idle
    connection.receive(b"\r\n")
    assert connection.next() is None
    assert connection.idle


def test_the_next_request_waits_for_the_answer() -> None:
    connection = connect(GET + POST + b"helloGE")
    next_head(connection)
    assert connection.next() is None
    assert connection.buffered == len(POST) + 7
    answer(connection)
    assert next_head(connection).method == "POST"
    assert [connection.next(), connection.next(), connection.next()] == [b"hello", END, None]
    answer(connection)
    assert connection.next() is None
    assert not connection.idle


def test_nothing_is_kept_after_the_last_answer() -> None:
    connection = connect(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + GET)
    next_head(connection)
    answer(connection)
    assert not connection.keep_alive
    assert connection.dropped
    connection.receive(GET)
    assert connection.next() is None
    assert connection.buffered == 0


def test_what_was_read_is_not_kept_however_long_content_gets() -> None:
    """A chunk size that arrives in two parts each time must not make the buffer grow."""
    connection = connect(CHUNKED)
    next_head(connection)
    for _ in range(1000):
        connection.receive(b"3e8")
        assert connection.next() is None
        connection.receive(b"\r\n" + b"x" * 1000 + b"\r\n3")
        assert connection.next() == b"x" * 1000
        connection.receive(b"e8\r\n" + b"x" * 1000 + b"\r\n")
        assert connection.next() == b"x" * 1000
        assert len(connection._buffer) < 10


def test_the_end_between_requests_is_fine() -> None:
    connection = connect(GET, b"")
    next_head(connection)
    answer(connection)
    assert connection.next() is None
    assert connection.idle
    connection = connect(b"\r\n", b"")
    assert connection.next() is None


@pytest.mark.parametrize(
    "octets", [GET[:1], GET[:-1], b"\r", POST, POST + b"hell", CHUNKED, CHUNKED + b"1\r\na\r\n", CHUNKED + b"0\r\n"]
)
def test_the_end_within_a_request_is_an_error(octets: bytes) -> None:
    connection = connect(octets, b"")
    with pytest.raises(RemoteProtocolError) as caught:
        list(iter(connection.next, None))
    assert caught.value.status == 400
    assert connection.next() is None


def test_what_came_before_the_end_is_handed_out() -> None:
    connection = connect(GET + POST + b"hello", b"")
    next_head(connection)
    answer(connection)
    next_head(connection)
    assert [connection.next(), connection.next()] == [b"hello", END]
    answer(connection)
    assert connection.keep_alive


def test_content_over_the_limit_is_refused_with_its_head() -> None:
    connection = connect(POST, limits=Limits(body=4))
    with pytest.raises(RemoteProtocolError) as caught:
        connection.next()
    assert caught.value.status == 413
    assert connection.head is not None
    assert connection.head.line == b"POST / HTTP/1.1"


def test_after_an_error_nothing_is_looked_at() -> None:
    connection = connect(b"GET\r\n\r\n" + GET)
    with pytest.raises(RemoteProtocolError):
        connection.next()
    connection.receive(GET)
    assert connection.next() is None
    assert not connection.keep_alive


def test_content_that_nobody_read_is_skipped_if_all_of_it_is_here() -> None:
    connection = connect(POST + b"hello" + GET)
    next_head(connection)
    answer(connection)
    assert connection.keep_alive
    assert next_head(connection).method == "GET"


def test_content_that_was_read_in_part_is_skipped_too() -> None:
    connection = connect(POST + b"he")
    next_head(connection)
    assert connection.next() == b"he"
    connection.receive(b"llo" + GET)
    answer(connection)
    assert next_head(connection).method == "GET"


@pytest.mark.parametrize("octets", [POST, POST + b"hell", CHUNKED, CHUNKED + b"0\r\n\r\n"])
def test_content_that_nobody_read_ends_the_connection_if_it_is_not_here(octets: bytes) -> None:
    connection = connect(octets)
    next_head(connection)
    assert b"\r\nConnection: close\r\n" in answer(connection)
    assert not connection.keep_alive


def test_fields_that_come_again_are_the_same_list() -> None:
    connection = connect(GET * 2 + GET.replace(b"a", b"b") + GET)
    heads = []
    for _ in range(4):
        heads.append(next_head(connection))
        answer(connection)
    assert heads[0].fields is heads[1].fields
    assert [head.host for head in heads] == [b"a", b"a", b"b", b"a"]


def test_fields_that_are_long_are_not_kept_for_that() -> None:
    long = GET.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * LONGEST_KNOWN + b"\r\n\r\n")
    connection = connect(GET + long + long)
    heads = []
    for _ in range(3):
        heads.append(next_head(connection))
        answer(connection)
    assert heads[1].fields is not heads[2].fields
    assert len(connection._tail) < LONGEST_KNOWN or connection._known is None


def test_an_empty_line_may_come_in_two_parts() -> None:
    connection = connect(b"\r")
    assert connection.next() is None
    connection.receive(b"\nGE")
    assert connection.next() is None
    connection.receive(GET[2:])
    assert next_head(connection).method == "GET"


def test_a_second_empty_line_is_refused_even_after_a_pause() -> None:
    connection = connect(b"\r\n")
    assert connection.next() is None
    connection.receive(b"\r")
    with pytest.raises(RemoteProtocolError):
        connection.next()


def test_each_request_may_have_its_empty_line() -> None:
    connection = connect((b"\r\n" + GET) * 3)
    for _ in range(3):
        next_head(connection)
        answer(connection)
    assert connection.idle


def test_a_head_in_many_parts() -> None:
    connection = connect()
    for at in range(len(GET) - 1):
        connection.receive(GET[at : at + 1])
        assert connection.next() is None
    connection.receive(GET[-1:])
    assert next_head(connection).method == "GET"


def test_fields_that_come_again_after_another_kind_of_line() -> None:
    connection = connect(GET + GET.replace(b"GET /", b"OPTIONS *") + GET.replace(b"GET /", b"GET http://b/") + GET)
    hosts = []
    for _ in range(4):
        hosts.append(next_head(connection).host)
        answer(connection)
    assert hosts == [b"a", b"a", b"b", b"a"]


def test_what_nobody_will_read_is_told() -> None:
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    connection = connect(last)
    next_head(connection)
    answer(connection)
    assert not connection.dropped
    connection.receive(b"more")
    assert connection.dropped
    connection = connect(POST)
    next_head(connection)
    answer(connection)
    assert connection.dropped
