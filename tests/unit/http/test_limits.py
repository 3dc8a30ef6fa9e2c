"""What the settings' numbers become."""

from dataclasses import replace

import pytest

from tonnage.http.connection import Connection
from tonnage.http.limits import HEAD, UNLIMITED_FIELDS, UNLIMITED_LINE, Limits, Policy


def test_zero_is_unlimited_but_no_line_may_fill_the_memory() -> None:
    limits = Limits.of(request_line=0, fields=0, field_size=0, body=0)
    assert (limits.request_line, limits.field_size, limits.fields) == (UNLIMITED_LINE, UNLIMITED_LINE, UNLIMITED_FIELDS)
    assert limits.body is None


def test_settings_are_taken_as_they_are() -> None:
    limits = Limits.of(request_line=4094, fields=50, field_size=1000, body=10)
    assert (limits.request_line, limits.fields, limits.field_size, limits.body) == (4094, 50, 1000, 10)


def test_the_head_is_bounded_whatever_the_lines_may_be() -> None:
    assert Limits().head == Limits.of(request_line=8190, fields=100, field_size=8190, body=0).head == HEAD


def test_an_operator_who_allows_long_fields_can_have_some() -> None:
    assert Limits.of(request_line=8190, fields=100, field_size=200_000, body=0).head > 4 * 200_000


@pytest.mark.parametrize("name", ["request_line", "field_size", "head"])
def test_a_head_of_the_least_size_breaks_no_limit(name: str) -> None:
    assert replace(Limits(), **{name: 50}).least <= 50


def test_names_of_forwarder_fields_are_compared_in_upper_case() -> None:
    assert Policy(forwarder_fields=frozenset({"remote_user"})).forwarder_fields == {"REMOTE_USER"}


def test_every_leniency_is_off() -> None:
    policy = Policy()
    assert policy.header_map == "drop"
    assert not any(
        (policy.permit_unconventional_method, policy.permit_unconventional_version, policy.permit_obsolete_folding,
         policy.casefold_method, policy.strip_field_spaces)
    )  # fmt: skip


def test_a_kept_connection_is_told_how_long() -> None:
    connection = Connection(Limits(), Policy(keep_alive_s=75))
    for minor in (0, 1):
        connection.receive(b"GET / HTTP/1.%d\r\nHost: x\r\nConnection: keep-alive\r\n\r\n" % minor)
        assert connection.next() is not None
        answer = connection.respond_whole("200 OK", [], b"", close=False, date=b"")
        assert b"\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\n" in answer


def test_a_connection_that_ends_is_told_nothing_of_a_timeout() -> None:
    connection = Connection(Limits(), Policy(keep_alive_s=75))
    connection.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.next() is not None
    answer = connection.respond_whole("200 OK", [], b"", close=True, date=b"")
    assert b"Keep-Alive" not in answer
    assert b"\r\nConnection: close\r\n" in answer
