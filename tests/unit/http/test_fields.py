"""One line becomes one field, and is not judged twice."""

import pytest

from tonnage.errors import RemoteProtocolError
from tonnage.http import fields
from tonnage.http.fields import KNOWN_LINES, KNOWN_NAMES, LONGEST_KNOWN, learn_line, make
from tonnage.http.limits import Policy

STRICT = Policy()
LAX = Policy(strip_field_spaces=True)


def test_a_field_has_what_everybody_asks_for() -> None:
    field = learn_line(b"X-Caf: \t caf\xe9 \t", STRICT)
    assert (field.name, field.value, field.cgi, field.text, field.role) == (
        b"x-caf", b"caf\xe9", "HTTP_X_CAF", "caf\xe9", fields.PLAIN,
    )  # fmt: skip
    assert repr(field) == "Field(b'x-caf', b'caf\\xe9')"


@pytest.mark.parametrize(
    ("line", "cgi"),
    [
        (b"Content-Type: a", "CONTENT_TYPE"),
        (b"Content-Length: 1", "CONTENT_LENGTH"),
        (b"Content-Encoding: a", "HTTP_CONTENT_ENCODING"),
        (b"Content_Length: 1", "HTTP_CONTENT_LENGTH"),
        (b"a.b: c", "HTTP_A.B"),
    ],
)
def test_keys_of_an_environ_are_those_of_rfc_3875(line: bytes, cgi: str) -> None:
    assert learn_line(line, STRICT).cgi == cgi


@pytest.mark.parametrize(
    ("line", "role"),
    [(b"Host: a", fields.HOST), (b"CONNECTION: a", fields.CONNECTION), (b"content-length: 1", fields.CONTENT_LENGTH),
     (b"Transfer-Encoding: a", fields.TRANSFER_ENCODING), (b"Expect: a", fields.EXPECT), (b"A_b: c", fields.UNDERSCORE),
     (b"content-type: a", fields.CONTENT_TYPE), (b"Transfer_Encoding: a", fields.UNDERSCORE), (b"X: a", fields.PLAIN)],
)  # fmt: skip
def test_what_frames_or_could_deceive_has_a_role(line: bytes, role: int) -> None:
    assert learn_line(line, STRICT).role == role


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"X",
        b": a",
        b" X: a",
        b"\tX: a",
        b"X : a",
        b"X\t: a",
        b"X Y: a",
        b"X\0: a",
        b"\xe4: a",
        b"X: a\0",
        b"X: a\rb",
        b"X: a\nb",
        b"X: \x7f",
        b"X: \xa0\x01",
        b"Host: a b",
    ],
)
def test_what_is_no_field_line(line: bytes) -> None:
    for _ in range(2):
        with pytest.raises(RemoteProtocolError) as caught:
            learn_line(line, STRICT)
        assert caught.value.status == 400
    assert fields.known_line(line) is None


def test_a_known_line_is_the_same_field() -> None:
    field = learn_line(b"Accept: */*", STRICT)
    assert fields.known_line(b"Accept: */*") is field


@pytest.mark.parametrize(
    "name",
    [
        "Cookie",
        "Authorization",
        "Proxy-Authorization",
        "X-Api-Key",
        "X-CSRFToken",
        "X-Auth-Request-User",
        "Sec-WebSocket-Key",
        "X-Amz-Security-Token",
        "Referer",
        "X-Session",
        "Authentication-Info",
    ],
)
def test_secrets_are_not_kept(name: str) -> None:
    learn_line(f"{name}: abc".encode(), STRICT)
    assert not fields._lines


@pytest.mark.parametrize(
    "name", ["Content-Length", "If-None-Match", "X-Request-ID", "traceparent", "X-Correlation-Id", "CF-Ray"]
)
def test_what_is_never_the_same_twice_is_not_kept(name: str) -> None:
    learn_line(f"{name}: 1".encode(), STRICT)
    assert not fields._lines


def test_long_lines_and_long_names_are_not_kept() -> None:
    learn_line(b"X: " + b"a" * LONGEST_KNOWN, STRICT)
    learn_line(b"X" * 65 + b": a", STRICT)
    assert set(fields._lines) == {b"X" * 65 + b": a"}
    assert set(fields._names) == {b"X"}


def test_the_memos_are_bounded() -> None:
    for number in range(3 * max(KNOWN_LINES, KNOWN_NAMES)):
        learn_line(b"X-%d: a" % number, STRICT)
        assert len(fields._lines) <= KNOWN_LINES
        assert len(fields._names) <= KNOWN_NAMES


def test_a_lenient_policy_teaches_a_strict_one_nothing() -> None:
    assert learn_line(b"Host : a", LAX).name == b"host"
    with pytest.raises(RemoteProtocolError):
        learn_line(b"Host : a", STRICT)
    assert fields.known_line(b"Host : a") is None


def test_only_the_space_after_a_name_is_stripped() -> None:
    assert learn_line(b"X \t: a", LAX).cgi == "HTTP_X"
    for line in (b" X: a", b"X Y: a", b" : a"):
        with pytest.raises(RemoteProtocolError):
            learn_line(line, LAX)


def test_a_field_of_our_own() -> None:
    field = make(b"host", b"a:1")
    assert (field.name, field.value, field.cgi, field.text, field.role) == (
        b"host",
        b"a:1",
        "HTTP_HOST",
        "a:1",
        fields.HOST,
    )
