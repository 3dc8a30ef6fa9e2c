"""What the fields of a request say together: whose it is, where it ends, and whether another may follow it.

Every doubt about where a message ends is a refusal: a proxy in front that reads it the other way would take our next
request for part of this one, or the reverse.
"""

from __future__ import annotations

from typing import Final

from tonnage.errors import RemoteProtocolError
from tonnage.http import fields as f
from tonnage.http import grammar
from tonnage.http.fields import Field
from tonnage.http.limits import Policy

CLOSE: Final = 1
KEEP_ALIVE: Final = 2
_options = {b"keep-alive": KEEP_ALIVE, b"close": CLOSE, b"Keep-Alive": KEEP_ALIVE, b"Close": CLOSE}

# Codings that are registered (or were), though not implemented here
CODINGS = frozenset({b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress", b"identity"})


class Section:
    """The field section of a request, judged. Filled by `judge`: an __init__ would cost as much as the judgement."""

    __slots__ = ("chunked", "content_length", "expect_continue", "fields", "has_body", "host", "keep_alive", "minor")

    fields: list[Field]  # as received, in order, without those that header_map drops; read it, never change it
    minor: int  # HTTP/1.minor
    host: bytes  # of the Host field, or of the target that overrides it; b"" when HTTP/1.0 gave none
    content_length: int | None
    chunked: bool
    has_body: bool  # content_length > 0, or chunked
    keep_alive: bool  # what the client allows
    expect_continue: bool


def judge(section: Section, policy: Policy, *, trusted: bool) -> None:
    host = None
    options = 0
    rare: list[Field] | None = None
    for field in section.fields:
        role = field.role
        if not role:
            continue
        if role == f.HOST:
            if host is not None:
                raise RemoteProtocolError("more than one Host field")
            host = field.value
        elif role == f.CONNECTION:
            options |= _options.get(field.value) or parse_options(field.value)
        else:
            rare = [*(rare or ()), field]
    if host is None:
        if section.minor:
            raise RemoteProtocolError("HTTP/1.1 without a Host field")
        host = b""
    section.host = host
    section.keep_alive = not options & CLOSE and bool(section.minor or options & KEEP_ALIVE)
    section.content_length = None
    section.chunked = section.has_body = section.expect_continue = False
    if rare is not None:
        _judge_rare(section, rare, policy, trusted=trusted)


def parse_options(value: bytes) -> int:
    """RFC 9110 7.6.1: a list; `close` beats whatever stands beside it, on this line or another."""
    names = grammar.parse_list(value)
    return (CLOSE if b"close" in names else 0) | (KEEP_ALIVE if b"keep-alive" in names else 0)


def _judge_rare(section: Section, rare: list[Field], policy: Policy, *, trusted: bool) -> None:
    lengths = [field for field in rare if field.role == f.CONTENT_LENGTH]
    codings = [field for field in rare if field.role == f.TRANSFER_ENCODING]
    if len(lengths) > 1:
        raise RemoteProtocolError("more than one Content-Length field")
    if lengths:
        section.content_length = grammar.parse_length(lengths[0].value)
    if codings:
        _judge_codings(codings, section)
        section.chunked = True
    section.has_body = section.chunked or bool(section.content_length)
    if sum(field.role == f.CONTENT_TYPE for field in rare) > 1:
        raise RemoteProtocolError("more than one Content-Type field")
    for field in rare:
        if field.role == f.EXPECT and section.minor:  # RFC 9110 10.1.1: HTTP/1.0 does not know it, so it is ignored
            if set(grammar.parse_list(field.value)) != {b"100-continue"}:
                raise RemoteProtocolError("an expectation other than 100-continue", status=417)
            section.expect_continue = section.has_body
        elif field.role in {f.UNDERSCORE, f.TWIN}:
            _judge_key(section, field, policy, trusted=trusted)


def _judge_codings(codings: list[Field], section: Section) -> None:
    """RFC 9112 6.1 and 6.3: chunked, last and once, is all that we decode; a length beside it is an attack."""
    if not section.minor:
        raise RemoteProtocolError("Transfer-Encoding in HTTP/1.0")
    if section.content_length is not None:
        raise RemoteProtocolError("both Transfer-Encoding and Content-Length")
    value = b",".join([field.value for field in codings])
    names = [name.strip(grammar.OWS) for name in value.lower().split(b",")]
    if names == [b"chunked"]:
        return
    if b"" in names or b"identity" in names or b"chunked" in names[:-1]:
        raise RemoteProtocolError("Transfer-Encoding must name chunked once, at the end")
    if names[-1] != b"chunked" and CODINGS.issuperset(names):
        raise RemoteProtocolError("Transfer-Encoding does not end in chunked, so the content has no end")
    raise RemoteProtocolError("a transfer coding other than chunked is not implemented", status=501)


def _judge_key(section: Section, field: Field, policy: Policy, *, trusted: bool) -> None:
    """In an environ `X_Real_IP` and `X-Real-IP` are one key: whoever may send the first can pass for the second.

    And the reverse: a proxy that we trust hands on a client's `Script-Name`, which must not pass for its SCRIPT_NAME.
    """
    allowed = policy.forwarder_fields if trusted else frozenset()
    if field.role == f.TWIN:
        if field.cgi.removeprefix("HTTP_") not in allowed:
            return  # nobody looks at that key
    elif "*" in allowed or field.name.decode("ascii").upper() in allowed:
        section.fields = [other for other in section.fields if other.cgi != field.cgi or other.role == f.UNDERSCORE]
        return
    if policy.header_map == "refuse":
        raise RemoteProtocolError(f"the field name {field.name.decode('ascii')} is ambiguous (header_map = refuse)")
    if policy.header_map == "drop":
        section.fields = [other for other in section.fields if other is not field]
