"""Status line, fields and chunks as octets; nothing that could split a response gets through.

A validated (name, value) pair is remembered as its line, so that an application's usual fields cost one look-up each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tonnage.errors import LocalProtocolError
from tonnage.http import grammar, state

# What a response's fields say that connection.py must know
CLOSE: Final = 1
SERVER: Final = 2
DATE: Final = 4

# What a field's name means here
PLAIN: Final = 0
LENGTH: Final = 1
DROPPED: Final = 2  # hop-by-hop: the connection is ours to speak about (PEP 3333)
CONNECTION: Final = 3  # dropped too, but its wish to close is granted
OWN_SERVER: Final = 4
OWN_DATE: Final = 5
SECRET: Final = 6  # or never the same twice: its lines are not remembered

ROLES = {
    "content-length": LENGTH,
    "connection": CONNECTION,
    "server": OWN_SERVER,
    "date": OWN_DATE,
    **dict.fromkeys(
        ("keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "trailers",
         "transfer-encoding", "upgrade"), DROPPED,
    ),
}  # fmt: skip

# What a status says about content (RFC 9110 15)
CONTENT: Final = 0
NO_CONTENT: Final = 1  # 204: neither content nor length
EMPTY: Final = 2  # 205: length 0
NOT_MODIFIED: Final = 3  # 304: no content; a length is that of the content not sent

REASONS = {
    400: "Bad Request", 403: "Forbidden", 408: "Request Timeout", 413: "Content Too Large", 414: "URI Too Long",
    417: "Expectation Failed", 421: "Misdirected Request", 426: "Upgrade Required", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}  # fmt: skip

# What goes with a status: a client whose WebSocket protocol is too old is told which one would do (RFC 6455 4.4)
OWED = {426: "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"}

KNOWN_PAIRS = 1024
KNOWN_STATUSES = 128
KNOWN_NAMES = 256
LONGEST_KNOWN = 256
LONGEST_NAME = 64
_forgotten = re.compile(
    "cookie|auth|token|secret|key|csrf|session|passw|location|link|etag|last-modified|expires|request-id|trace|range"
).search
_status = re.compile(r"([2-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?").fullmatch

_pairs: dict[tuple[str, str], bytes] = {}
_roles: dict[str, int] = {}
_statuses: dict[str, tuple[bytes, int]] = {}
known_status = _statuses.get


def learn_status(status: object) -> tuple[bytes, int]:
    """The status line, and what the code says about content."""
    if not isinstance(status, str) or (match := _status(status)) is None:
        raise LocalProtocolError(f"the status {status!r} is not a code from 200 and a reason, as in '200 OK'")
    line = f"HTTP/1.1 {match[1]} {match[2] or ''}\r\n".encode("latin-1")
    entry = (line, {"204": NO_CONTENT, "205": EMPTY, "304": NOT_MODIFIED}.get(match[1], CONTENT))
    if len(status) <= LONGEST_KNOWN:
        if len(_statuses) >= KNOWN_STATUSES:
            _statuses.clear()
        _statuses[status] = entry
    return entry


def collect(fields: Iterable[tuple[str, str]], lines: list[bytes]) -> tuple[int | None, int]:
    """Append the lines to send; return the length that is declared and the flags above."""
    length: int | None = None
    flags = 0
    known = _pairs.get
    try:
        for pair in fields:
            line = known(pair)
            if line is not None:
                lines.append(line)
                continue
            name, value = pair
            role = _roles.get(name)
            if role is None:
                role = _learn_name(name)
            if role == LENGTH:
                length = parse_length(value, length)
            elif role == PLAIN:
                lines.append(_learn_pair(pair))
            else:
                flags |= _collect_special(role, name, value, lines)
    except (AttributeError, TypeError, ValueError):
        raise LocalProtocolError("the fields are not a list of tuples of two latin-1 strings") from None
    return length, flags


def _collect_special(role: int, name: str, value: str, lines: list[bytes]) -> int:
    line = _line(name, value)
    if role in {DROPPED, CONNECTION}:
        return CLOSE if role == CONNECTION and "close" in value.lower() else 0
    lines.append(line)
    return {OWN_SERVER: SERVER, OWN_DATE: DATE}.get(role, 0)


def parse_length(value: str, other: int | None) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise LocalProtocolError(f"the Content-Length {value!r} is not a number")
    length = int(value)
    if other is not None and other != length:
        raise LocalProtocolError("two different Content-Length fields")
    return length


def _learn_name(name: str) -> int:
    if not grammar.is_token(name.encode("latin-1")):
        raise LocalProtocolError(f"the field name {name!r} is not a token")
    lower = name.lower()
    role = ROLES.get(lower, SECRET if _forgotten(lower) else PLAIN)
    if len(name) <= LONGEST_NAME:
        if len(_roles) >= KNOWN_NAMES:
            _roles.clear()
        _roles[name] = role
    return role


def _learn_pair(pair: tuple[str, str]) -> bytes:
    line = _line(*pair)
    if len(line) <= LONGEST_KNOWN:
        if len(_pairs) >= KNOWN_PAIRS:
            _pairs.clear()
        _pairs[pair] = line
    return line


def _line(name: str, value: str) -> bytes:
    """What is wrong with a value is said without showing it: it may be a secret, and this is logged."""
    try:
        octets = value.encode("latin-1")
    except UnicodeEncodeError as exc:
        raise LocalProtocolError(f"the field {name} has a character outside latin-1 at position {exc.start}") from None
    if not value.isprintable() and (bad := grammar.bad_octet(octets)):
        raise LocalProtocolError(f"the field {name} has the control character {bad[0]!r} at position {bad.start()}")
    return b"%b: %b\r\n" % (name.encode("ascii"), octets)


def refusal(status: int, *, content: bool, retry_after_s: int | None, date: bytes = b"", advice: str = "") -> bytes:
    """A whole response that says no and ends the connection."""
    reason = REASONS.get(status, "Error")
    text = f"{status} {reason}: {advice}\n" if advice else f"{status} {reason}\n"
    retry = "" if retry_after_s is None else f"Retry-After: {retry_after_s}\r\n"
    owed = OWED.get(status, "")
    start = f"HTTP/1.1 {status} {reason}\r\nServer: tonnage\r\n".encode()
    rest = f"Content-Type: text/plain\r\nContent-Length: {len(text)}\r\n{retry}{owed}Connection: close\r\n\r\n".encode()
    return b"".join([start, date, rest, text.encode() if content else b""])


def frame(method: str, kind: int, minor: int, declared: int | None, length: int | None) -> tuple[int, bytes]:
    """How the client finds the end of a response whose length is not known or which has no content; and the field.

    204 has no length (RFC 9110 8.6); HEAD and 304 speak of what GET would have sent, so the 0 of a body that the
    application has left out says nothing. A 2xx to CONNECT has neither length nor coding (RFC 9112 6.3).
    """
    if kind == NO_CONTENT:
        return state.NOTHING, b""
    if kind == EMPTY:
        return state.NOTHING, b"Content-Length: 0\r\n"
    if kind == NOT_MODIFIED or method == "HEAD":
        length = (length or None) if declared is None and kind == CONTENT else declared
        return state.NOTHING, b"" if length is None else b"Content-Length: %d\r\n" % length
    if method == "CONNECT" or not minor:
        return state.UNTIL_CLOSE, b""
    return state.CHUNKED, b"Transfer-Encoding: chunked\r\n"
