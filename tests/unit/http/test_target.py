"""Methods, versions and the forms of a target."""

import pytest

from tonnage.errors import RemoteProtocolError
from tonnage.http.limits import Policy
from tonnage.http.target import METHODS, parse_method, parse_other_form, parse_version

STRICT = Policy()
ANY = Policy(permit_unconventional_method=True)


def test_registered_methods_need_no_parsing() -> None:
    assert METHODS[b"GET"] == "GET"
    assert all(parse_method(word, STRICT) == name for word, name in METHODS.items())


@pytest.mark.parametrize("word", [b"M-SEARCH", b"PURGE", b"ABC", b"A" * 20, b"X_1!"])
def test_conventional_methods(word: bytes) -> None:
    assert parse_method(word, STRICT) == word.decode()


@pytest.mark.parametrize("word", [b"AB", b"A" * 21, b"get", b"GEt", b"GET#"])
def test_unconventional_methods_are_permitted_on_demand(word: bytes) -> None:
    assert parse_method(word, ANY) == word.decode()
    with pytest.raises(RemoteProtocolError):
        parse_method(word, STRICT)


@pytest.mark.parametrize("word", [b"", b"GET:", b"G\xc4T", b"(GET)", b"GE\0"])
def test_what_is_no_token_is_no_method(word: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_method(word, ANY)


def test_casefolding_makes_methods_conventional() -> None:
    assert parse_method(b"get", Policy(casefold_method=True)) == "GET"


@pytest.mark.parametrize(("word", "minor"), [(b"HTTP/1.0", 0), (b"HTTP/1.1", 1)])
def test_versions(word: bytes, minor: int) -> None:
    assert parse_version(word, STRICT) == minor


@pytest.mark.parametrize(
    ("word", "status"),
    [(b"HTTP/1.2", 505), (b"HTTP/2.0", 505), (b"HTTP/0.9", 505), (b"http/1.1", 400), (b"HTTP/1.10", 400), (b"", 400)],
)
def test_other_versions(word: bytes, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_version(word, STRICT)
    assert caught.value.status == status


def test_unknown_minor_versions_are_permitted_on_demand() -> None:
    lax = Policy(permit_unconventional_version=True)
    assert parse_version(b"HTTP/1.9", lax) == 1
    assert parse_version(b"HTTP/1.0", lax) == 0
    with pytest.raises(RemoteProtocolError):
        parse_version(b"HTTP/2.0", lax)


@pytest.mark.parametrize(
    ("method", "target", "parts"),
    [
        ("OPTIONS", b"*", (b"*", b"", None)),
        ("CONNECT", b"a:1", (b"", b"", None)),
        ("GET", b"http://a", (b"/", b"", b"a")),
        ("GET", b"hTTps://a:1/b?c?d", (b"/b", b"c?d", b"a:1")),
        ("GET", b"http://a?b", (b"/", b"b", b"a")),
        ("OPTIONS", b"http://a", (b"*", b"", b"a")),
        ("OPTIONS", b"http://a?", (b"*", b"", b"a")),
        ("OPTIONS", b"http://a/", (b"/", b"", b"a")),
        ("OPTIONS", b"http://a?b", (b"/", b"b", b"a")),
    ],
)
def test_forms(method: str, target: bytes, parts: tuple[bytes, bytes, bytes | None]) -> None:
    assert parse_other_form(method, target) == parts


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", b"*"),
        ("OPTIONS", b"**"),
        ("CONNECT", b"a"),
        ("CONNECT", b"/"),
        ("GET", b"a:1"),
        ("GET", b"ftp://a/"),
        ("GET", b"http:/a"),
        ("GET", b"http://"),
        ("GET", b"http://a@b/"),
        ("GET", b"http://:1/"),
    ],
)
def test_what_is_no_target(method: str, target: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_other_form(method, target)
