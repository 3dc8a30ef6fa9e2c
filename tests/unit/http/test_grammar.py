"""Each rule by what it takes and what it does not; whole messages are in tests/wire."""

import pytest

from tonnage.errors import RemoteProtocolError
from tonnage.http import grammar
from tonnage.http.limits import LARGEST


def test_every_octet_is_a_token_character_or_not_as_rfc_9110_says() -> None:
    tokens = {octet for octet in range(256) if grammar.is_token(bytes([octet]))}
    assert tokens == grammar.TOKEN_OCTETS
    assert len(tokens) == 10 + 26 + 26 + 15
    assert not grammar.is_token(b"")


def test_field_values_have_no_controls_but_tabs() -> None:
    bad = {octet for octet in range(256) if grammar.bad_octet(bytes([octet]))}
    assert bad == {*range(32), 127} - {9}


def test_targets_are_visible_ascii_without_fragment() -> None:
    good = {octet for octet in range(256) if grammar.is_target(bytes([octet]))}
    assert good == {*range(33, 127)} - {ord("#")}
    assert not grammar.is_target(b"")
    assert not grammar.is_target(b"/\n")


@pytest.mark.parametrize(
    "host", [b"", b"a", b"a:", b"a:0", b"a:65535", b"1.2.3.4", b"[::]:1", b"a_b.c-d~!$&'()*+,;=", b"%41"]
)
def test_hosts(host: bytes) -> None:
    grammar.check_host(host)


@pytest.mark.parametrize(
    "host",
    [
        b" a",
        b"a ",
        b"a\n",
        b"a/",
        b"a@b",
        b"a?",
        b"a#",
        b"a:b",
        b"a:-1",
        b"a:65536",
        b"a:123456",
        b"::1",
        b"[::1",
        b"[]",
        b"[:]",
        b"[1.2.3.4]",
        b"[::1]a",
        b"[::1%25a]",
        b"[v1.a]",
        b"%4",
        b"%g1",
        b"\xe4",
        b"a\0",
    ],
)
def test_what_is_no_host(host: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        grammar.check_host(host)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("host", "needs"), [(b"", "needs_name"), (b":1", "needs_name"), (b"a", "needs_port"), (b"a:", "needs_port")]
)
def test_what_an_authority_needs_besides(host: bytes, needs: str) -> None:
    grammar.check_host(host)
    with pytest.raises(RemoteProtocolError):
        grammar.check_host(host, **{needs: True})


@pytest.mark.parametrize(
    ("value", "length"), [(b"0", 0), (b"007", 7), (b"0" * 99 + b"1", 1), (str(LARGEST).encode(), LARGEST)]
)
def test_lengths(value: bytes, length: int) -> None:
    assert grammar.parse_length(value) == length


@pytest.mark.parametrize(
    "value",
    [b"", b" 1", b"+1", b"-1", b"1_0", b"1.0", b"0x1", b"1,1", b"\xb2", b"1\n", str(LARGEST + 1).encode(), b"9" * 9999],
)
def test_what_is_no_length(value: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        grammar.parse_length(value)


@pytest.mark.parametrize(
    ("digits", "size"), [(b"0", 0), (b"aF", 175), (b"0" * 99 + b"1", 1), (b"%x" % LARGEST, LARGEST)]
)
def test_chunk_sizes(digits: bytes, size: int) -> None:
    assert grammar.parse_chunk_size(digits) == size


@pytest.mark.parametrize(
    "digits", [b"", b" 1", b"1 ", b"+1", b"-1", b"1_0", b"0x1", b"g", b"1g1", b"%x" % (LARGEST + 1), b"f" * 999]
)
def test_what_is_no_chunk_size(digits: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        grammar.parse_chunk_size(digits)


@pytest.mark.parametrize("text", [b";a", b";a=b", b';a="b c"', b';a="\\""', b" ; a = b", b";a;b=c", b';a="\xff"'])
def test_chunk_extensions(text: bytes) -> None:
    assert grammar.is_extension(text)


@pytest.mark.parametrize(
    "text", [b"", b";", b"a", b";a=", b";=b", b";a b", b';a="', b';a="\\"', b';a="\n"', b";a\r", b";a "]
)
def test_what_is_no_chunk_extension(text: bytes) -> None:
    assert not grammar.is_extension(text)


def test_a_list_is_lower_case_without_what_is_empty() -> None:
    assert grammar.parse_list(b" A ,,\tb\t,") == [b"a", b"b"]


@pytest.mark.parametrize(
    "attack", [b";a" + b" " * 900, b';a="' + b"\\a" * 450, b";" + b"a" * 900 + b"\0", b";a" * 450 + b"="]
)
def test_no_extension_takes_long_to_refuse(attack: bytes) -> None:
    """Matching is linear: a thousand of the worst take no time that anybody would notice."""
    assert not any(grammar.is_extension(attack) for _ in range(1000))
