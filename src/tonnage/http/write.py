"""Status line, fields and chunks as octets; nothing that could split a response gets through.

A validated (name, value) pair is remembered as its line, so that an application's usual fields cost one look-up each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tonnage.errors import LocalProtocolError
from tonnage.http import grammar

# What a response's fields say that connection.py must know
CLOSE: Final = 1
SERVER: Final = 2
DATE: Final = 4

# What a status says about content (RFC 9110 15)
CONTENT: Final = 0
NO_CONTENT: Final = 1  # 204: neither content nor length
EMPTY: Final = 2  # 205: length 0
NOT_MODIFIED: Final = 3  # 304: no content; a length is that of the content not sent

HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "trailers", "transfer-encoding", "upgrade",
})  # fmt: skip

REASONS = {
    400: "Bad Request", 403: "Forbidden", 408: "Request Timeout", 413: "Content Too Large", 414: "URI Too Long",
    417: "Expectation Failed", 421: "Misdirected Request", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}  # fmt: skip

KNOWN_PAIRS = 1024
KNOWN_STATUSES = 128
LONGEST_KNOWN = 256
_forgotten = re.compile(
    r"cookie|auth|token|secret|key|csrf|session|location|etag|last-modified|expires|request-id|date"
).search
_status = re.compile(r"([2-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?").fullmatch

_pairs: dict[tuple[str, str], bytes] = {}
_statuses: dict[str, tuple[bytes, int]] = {}
known_status = _statuses.get


def learn_status(status: str) -> tuple[bytes, int]:
    """The status line, and what the code says about content."""
    match = _status(status) if isinstance(status, str) else None
    if match is None:
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
    for pair in fields:
        line = known(pair)
        if line is not None:
            lines.append(line)
            continue
        name, value = _check_pair(pair)
        if name == "content-length":
            declared = parse_length(value)
            if length not in {None, declared}:
                raise LocalProtocolError("two different Content-Length fields")
            length = declared
        elif name in HOP_BY_HOP:
            if name == "connection" and "close" in value.lower():
                flags |= CLOSE
        else:
            lines.append(_learn_pair(pair, name))
            if name == "server":
                flags |= SERVER
            elif name == "date":
                flags |= DATE
    return length, flags


def parse_length(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise LocalProtocolError(f"the Content-Length {value!r} is not a number")
    return int(value)


def _check_pair(pair: tuple[str, str]) -> tuple[str, str]:
    """The lower-case name and the value, or what is wrong with them."""
    try:
        name, value = pair
        octets = name.encode("ascii")
        content = value.encode("latin-1")
    except (AttributeError, TypeError, ValueError):
        raise LocalProtocolError(f"the field {pair!r} is not a tuple of two latin-1 strings") from None
    if not grammar.is_token(octets):
        raise LocalProtocolError(f"the field name {name!r} is not a token")
    if grammar.bad_octet(content):
        raise LocalProtocolError(f"the value {value!r} of the field {name} has a control character")
    return name.lower(), value


def _learn_pair(pair: tuple[str, str], lower: str) -> bytes:
    line = f"{pair[0]}: {pair[1]}\r\n".encode("latin-1")
    if lower not in {"server", "date"} and len(line) <= LONGEST_KNOWN and not _forgotten(lower):
        if len(_pairs) >= KNOWN_PAIRS:
            _pairs.clear()
        _pairs[pair] = line
    return line


def refusal(status: int, *, content: bool, retry_after_s: int | None) -> bytes:
    """A whole response that says no and ends the connection."""
    reason = REASONS.get(status, "Error")
    text = f"{status} {reason}\n"
    retry = "" if retry_after_s is None else f"Retry-After: {retry_after_s}\r\n"
    head = (
        f"HTTP/1.1 {status} {reason}\r\nServer: tonnage\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(text)}\r\n{retry}Connection: close\r\n\r\n"
    )
    return (head + text if content else head).encode("ascii")


def length_without_content(kind: int, declared: int | None, length: int | None) -> bytes:
    """The Content-Length line of a response without content, or b"".

    204 has none (RFC 9110 8.6); HEAD and 304 speak of what GET would have sent, so a 0 that comes from a body which the
    application has left out says nothing.
    """
    if kind == EMPTY:
        return b"Content-Length: 0\r\n"
    if kind == CONTENT and declared is None:
        declared = length or None
    return b"" if kind == NO_CONTENT or declared is None else b"Content-Length: %d\r\n" % declared
