"""Responses: how they are framed, what ends a connection, and what an application may not do."""

import pytest

from tests.wire.drive import DATE
from tonnage.errors import LocalProtocolError, RemoteProtocolError
from tonnage.http.connection import Connection
from tonnage.http.limits import Limits, Policy
from tonnage.http.state import END

HEAD_10 = b"GET / HTTP/1.0\r\n\r\n"
KEPT_10 = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
HEAD_11 = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
EXPECTING = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"


def asked(octets: bytes = HEAD_11) -> Connection:
    connection = Connection(Limits(), Policy())
    connection.receive(octets)
    assert connection.next() is not None
    return connection


def begun(
    connection: Connection, *fields: tuple[str, str], length: int | None = None, status: str = "200 OK"
) -> list[bytes]:
    """The lines of a response's head, without status line and those that are always there."""
    octets = connection.respond(status, fields, length=length, date=DATE)
    assert octets.endswith(b"\r\n\r\n")
    lines = octets[:-4].split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 " + status.encode()
    return [line for line in lines[1:] if line not in (b"Server: tonnage", DATE.strip())]


def test_a_whole_response_octet_by_octet() -> None:
    connection = asked()
    assert connection.respond_whole("200 OK", [("X-A", "b")], b"hello", close=False, date=DATE) == (
        b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\nServer: tonnage\r\n" + DATE + b"\r\nhello"
    )
    assert connection.keep_alive
    assert connection.idle


def test_the_applications_own_server_and_date_are_kept() -> None:
    octets = asked().respond("200 OK", [("Server", "mine"), ("Date", "then")], length=0, date=DATE)
    assert octets == b"HTTP/1.1 200 OK\r\nServer: mine\r\nDate: then\r\nContent-Length: 0\r\n\r\n"


# -- framing ----------------------------------------------------------------------------------------------------------


def test_a_length_that_the_shell_knows() -> None:
    connection = asked()
    assert begun(connection, length=5) == [b"Content-Length: 5"]
    assert connection.sends_content
    assert [connection.data(b"hel"), connection.data(b""), connection.data(b"lo")] == [b"hel", b"", b"lo"]
    assert connection.finish() == b""
    assert connection.keep_alive


def test_a_length_that_the_application_gives_goes_first() -> None:
    connection = asked()
    assert begun(connection, ("Content-Length", "3"), length=5) == [b"Content-Length: 3"]
    assert connection.data(b"hello") == b"hel"
    assert connection.excess == 2


def test_chunks_where_no_length_is_known() -> None:
    connection = asked()
    assert begun(connection) == [b"Transfer-Encoding: chunked"]
    assert connection.data(b"hello" * 4) == b"14\r\n" + b"hello" * 4 + b"\r\n"
    assert connection.data(b"") == b""
    assert connection.finish() == b"0\r\n\r\n"
    assert connection.keep_alive


def test_http_1_0_without_a_length_ends_with_the_connection() -> None:
    for head in (HEAD_10, KEPT_10):
        connection = asked(head)
        assert begun(connection) == [b"Connection: close"]
        assert connection.data(b"hello") == b"hello"
        assert connection.finish() == b""
        assert not connection.keep_alive


def test_http_1_0_is_told_that_it_is_kept() -> None:
    connection = asked(KEPT_10)
    assert begun(connection, length=0) == [b"Content-Length: 0", b"Connection: keep-alive"]
    connection.finish()
    assert connection.keep_alive
    assert begun(asked(HEAD_10), length=0) == [b"Content-Length: 0", b"Connection: close"]


@pytest.mark.parametrize(
    ("status", "lines"),
    [("204 No Content", []), ("304 Not Modified", []), ("205 Reset Content", [b"Content-Length: 0"])],
)
def test_statuses_without_content(status: str, lines: list[bytes]) -> None:
    for head in (HEAD_11, KEPT_10):
        connection = asked(head)
        assert [line for line in begun(connection, status=status) if b"Connection" not in line] == lines
        assert not connection.sends_content
        assert (connection.data(b"hello"), connection.finish()) == (b"", b"")
        assert connection.keep_alive
        assert connection.excess == 0


def test_head_is_answered_as_get_would_be_without_content() -> None:
    head = HEAD_11.replace(b"GET", b"HEAD")
    for fields, length, lines in (
        ([("Content-Length", "5")], 0, [b"Content-Length: 5"]),
        ([], 5, [b"Content-Length: 5"]),
        ([], 0, []),
        ([], None, []),
    ):
        connection = asked(head)
        assert begun(connection, *fields, length=length) == lines
        assert (connection.data(b"hello"), connection.finish()) == (b"", b"")
        assert connection.keep_alive
    octets = asked(head).respond_whole("200 OK", [("Content-Length", "7")], b"hello", close=False, date=DATE)
    assert octets.endswith(DATE + b"\r\n")


def test_connect_is_answered_until_the_end() -> None:
    connection = asked(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
    octets = connection.respond_whole("200 OK", [("Content-Length", "5")], b"hello", close=False, date=DATE)
    assert octets.endswith(DATE + b"Connection: close\r\n\r\nhello")
    assert b"Content-Length" not in octets
    assert not connection.keep_alive


# -- the end of a connection ------------------------------------------------------------------------------------------


def test_a_close_is_announced_whoever_wants_it() -> None:
    assert b"\r\nConnection: close\r\n" in asked().respond("200 OK", [], length=0, close=True, date=DATE)
    assert begun(asked(), ("Connection", "close"), length=0)[-1] == b"Connection: close"
    assert (
        begun(asked(HEAD_11.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")), length=0)[-1]
        == b"Connection: close"
    )


def test_a_response_that_is_not_finished_ends_the_connection() -> None:
    connection = asked(HEAD_11 + HEAD_11)
    begun(connection, length=5)
    connection.data(b"hell")
    with pytest.raises(LocalProtocolError, match="1 octets less"):
        connection.finish()
    assert not connection.keep_alive
    assert connection.next() is None


def test_content_that_is_still_to_come_ends_the_connection() -> None:
    connection = asked(EXPECTING)
    assert begun(connection, length=0)[-1] == b"Connection: close"
    connection.finish()
    assert not connection.keep_alive


# -- faults of the application ----------------------------------------------------------------------------------------


def test_after_a_fault_nothing_has_changed() -> None:
    for status, fields in (
        ("OK", []),
        ("200 OK", [("X", "\n")]),
        ("200 OK", [("Content-Length", "x")]),
        ("101 Up", []),
    ):
        connection = asked()
        with pytest.raises(LocalProtocolError):
            connection.respond(status, fields, length=None, date=DATE)
        with pytest.raises(LocalProtocolError):
            connection.respond_whole(status, fields, b"", close=False, date=DATE)
        assert begun(connection, length=0) == [b"Content-Length: 0"]


def test_more_than_content_length_is_left_out() -> None:
    connection = asked(HEAD_11 * 2)
    begun(connection, ("Content-Length", "3"))
    assert connection.data(b"hello") == b"hel"
    with pytest.raises(LocalProtocolError):
        connection.data(b"more")
    assert (connection.excess, connection.finish(), connection.keep_alive) == (6, b"", True)
    assert connection.next() is not None
    begun(connection, length=0)
    assert connection.excess == 0


def test_more_than_content_length_in_a_whole_response_is_left_out() -> None:
    connection = asked()
    octets = connection.respond_whole("200 OK", [("Content-Length", "3")], b"hello", close=False, date=DATE)
    assert octets.endswith(b"\r\n\r\nhel")
    assert (connection.excess, connection.keep_alive) == (2, True)


def test_what_a_response_lacks_is_known_at_every_moment() -> None:
    connection = asked()
    begun(connection, ("Content-Length", "3"))
    assert stands(connection) == (True, True, True)
    connection.data(b"abc")
    assert stands(connection) == (True, True, False), "nobody waits for more, but its end was not said"
    connection.finish()
    assert stands(connection) == (False, False, False)
    connection = asked()
    begun(connection, length=None)
    connection.data(b"abc")
    assert stands(connection) == (True, True, True), "of chunks the last one is missing"
    connection = asked(HEAD_11.replace(b"GET", b"HEAD"))
    begun(connection, length=3)
    assert stands(connection) == (True, False, False)


def stands(connection: Connection) -> tuple[bool, bool, bool]:
    return connection.responding, connection.unfinished, connection.lacks_content


def test_less_than_content_length_in_a_whole_response_can_still_become_a_500() -> None:
    connection = asked()
    with pytest.raises(LocalProtocolError, match="Content-Length is 9, but there are 5"):
        connection.respond_whole("200 OK", [("Content-Length", "9")], b"hello", close=False, date=DATE)
    assert connection.refuse(500).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")


def test_a_response_has_its_order() -> None:
    fresh = Connection(Limits(), Policy())
    for early in (fresh.finish, lambda: fresh.data(b"x"), lambda: fresh.file_data(1), lambda: fresh.early_hints([])):
        with pytest.raises(LocalProtocolError):
            early()
    with pytest.raises(LocalProtocolError):
        begun(fresh)
    connection = asked()
    begun(connection, length=5)
    with pytest.raises(LocalProtocolError):
        begun(connection)
    with pytest.raises(LocalProtocolError):
        connection.early_hints([])


# -- files ------------------------------------------------------------------------------------------------------------


def test_files_with_a_length() -> None:
    connection = asked()
    begun(connection, length=5)
    assert connection.allowed(9) == 5
    with pytest.raises(LocalProtocolError):
        connection.file_data(9)
    assert connection.file_data(5) == (b"", b"")
    assert (connection.allowed(1), connection.finish()) == (0, b"")


def test_files_in_chunks() -> None:
    connection = asked()
    begun(connection)
    assert connection.allowed(300) == 300
    assert connection.file_data(300) == (b"12c\r\n", b"\r\n")
    assert connection.file_data(0) == (b"", b"")
    assert connection.finish() == b"0\r\n\r\n"


def test_files_in_answer_to_head_are_not_sent() -> None:
    connection = asked(HEAD_11.replace(b"GET", b"HEAD"))
    begun(connection, length=5)
    assert connection.allowed(5) == 0


# -- interim responses ------------------------------------------------------------------------------------------------


def test_a_continue_is_sent_once_and_only_when_it_is_wanted() -> None:
    connection = asked(EXPECTING)
    assert connection.wants_continue()
    assert connection.continue_() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert not connection.wants_continue()
    assert connection.continue_() == b""
    connection.receive(b"hello")
    assert [connection.next(), connection.next()] == [b"hello", END]


def test_no_continue_after_content_or_the_response_began() -> None:
    connection = asked(EXPECTING + b"h")
    assert not connection.wants_continue()
    assert connection.next() == b"h"
    assert connection.continue_() == b""
    connection = asked(EXPECTING)
    begun(connection, length=0)
    assert connection.continue_() == b""
    assert not asked(EXPECTING.replace(b"1.1", b"1.0")).wants_continue()


def test_early_hints() -> None:
    connection = asked()
    assert connection.early_hints([("Link", "</a>; rel=preload"), ("Connection", "x")]) == (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
    )
    assert asked(HEAD_10).early_hints([("Link", "</a>")]) == b""
    with pytest.raises(LocalProtocolError):
        connection.early_hints([("Link", "\r\n")])
    assert begun(connection, length=0) == [b"Content-Length: 0"]


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_refusal_ends_the_connection() -> None:
    connection = asked(HEAD_11 * 2)
    octets = connection.refuse(503, retry_after_s=3)
    assert octets.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert octets.endswith(b"Retry-After: 3\r\nConnection: close\r\n\r\n503 Service Unavailable\n")
    assert not connection.keep_alive
    assert connection.next() is None
    with pytest.raises(LocalProtocolError):
        begun(connection)


def test_an_error_is_refused_with_its_status() -> None:
    connection = Connection(Limits(), Policy())
    connection.receive(b"GET / HTTP/3.0\r\n\r\n")
    with pytest.raises(RemoteProtocolError) as caught:
        connection.next()
    assert connection.refuse(caught.value).startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\n")
    assert connection.refuse(caught.value) == b""


def test_head_is_refused_without_content() -> None:
    assert asked(HEAD_11.replace(b"GET", b"HEAD")).refuse(500).endswith(b"\r\n\r\n")


def test_a_response_that_has_begun_is_not_followed_by_a_refusal() -> None:
    connection = asked()
    begun(connection)
    assert connection.refuse(500) == b""
    assert (connection.data(b"more"), connection.finish(), connection.keep_alive) == (b"", b"", False)


def test_an_application_may_answer_after_its_client_has_erred() -> None:
    """Its answer is the last one."""
    connection = asked(EXPECTING.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"x\r\n")
    with pytest.raises(RemoteProtocolError):
        connection.next()
    assert begun(connection, length=0)[-1] == b"Connection: close"
    connection.finish()
    assert not connection.keep_alive
