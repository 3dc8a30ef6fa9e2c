"""One field line -> Field, and the memo that makes a known line cost one dictionary lookup.

Browsers and proxies send the same dozen lines again and again. A line is validated once and kept, unless it is long,
may be a secret, or is never the same twice. Whatever depends on settings or on the rest of the head is not judged here:
such a field carries a role, and head.py judges it every time.
"""

from __future__ import annotations

import re
from typing import Final

from tonnage.errors import RemoteProtocolError
from tonnage.http import grammar
from tonnage.http.limits import Policy

PLAIN: Final = 0
HOST: Final = 1
CONNECTION: Final = 2
CONTENT_LENGTH: Final = 3
TRANSFER_ENCODING: Final = 4
EXPECT: Final = 5
UNDERSCORE: Final = 6
CONTENT_TYPE: Final = 7
TWIN: Final = 8  # shares its environ key with a field that only a trusted proxy may send

ROLES: Final = {
    b"host": HOST,
    b"connection": CONNECTION,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"expect": EXPECT,
    b"content-type": CONTENT_TYPE,
    b"script-name": TWIN,
    b"path-info": TWIN,
}

KNOWN_LINES = 1024
KNOWN_NAMES = 512
LONGEST_KNOWN = 256
LONGEST_NAME = 64
WHITE_SPACE = frozenset({b" ", b"\t"})
# Secrets are not kept; and what differs in every request would only push out the lines that do not.
_forgotten = re.compile(
    rb"cookie|auth|token|secret|key|csrf|xsrf|session|passw|signature|jwt|saml|assertion|credential|referer"
    rb"|content-length|request-id|correlation|trace|span|cf-ray|if-",
).search


class Field:
    """A field as received, cleaned. Shared between requests: never change one."""

    __slots__ = ("cgi", "name", "role", "text", "value")

    name: bytes  # lower case
    value: bytes  # without the white space around it
    cgi: str  # its key in a CGI environ (RFC 3875 4.1)
    text: str  # the value as latin-1
    role: int  # what head.py has to judge, or PLAIN

    def __init__(self, name: bytes, value: bytes, cgi: str, text: str, role: int) -> None:
        self.name = name
        self.value = value
        self.cgi = cgi
        self.text = text
        self.role = role

    def __repr__(self) -> str:
        return f"Field({self.name!r}, {self.value!r})"


_lines: dict[bytes, Field] = {}
_names: dict[bytes, tuple[bytes, str, int, bool]] = {}
known_line = _lines.get


def learn_line(line: bytes, policy: Policy) -> Field:
    """The slow way: judge a line that is not known, and remember it if that is worth it and safe."""
    name, colon, value = line.partition(b":")
    if line[:1] in WHITE_SPACE:
        raise RemoteProtocolError("a folded field line (obs-fold) is not accepted")
    if not colon:
        raise RemoteProtocolError("a field line has no colon")
    tidy = name.rstrip(grammar.OWS) if policy.strip_field_spaces else name
    lower, cgi, role, memorable = _names.get(tidy) or _learn_name(tidy)
    value = value.strip(grammar.OWS)
    text = value.decode("latin-1")
    if not text.isprintable() and grammar.bad_octet(value):
        raise RemoteProtocolError("a field value has a control character")
    if role == HOST:
        grammar.check_host(value)
    field = Field(lower, value, cgi, text, role)
    if memorable and len(line) <= LONGEST_KNOWN and len(tidy) == len(name):  # a strict policy must not know a lax line
        if len(_lines) >= KNOWN_LINES:
            _lines.clear()
        _lines[line] = field
    return field


def _learn_name(name: bytes) -> tuple[bytes, str, int, bool]:
    if not grammar.is_token(name):
        raise RemoteProtocolError("a field name is not a token")
    lower = name.lower()
    role = UNDERSCORE if b"_" in lower else ROLES.get(lower, PLAIN)
    cgi = name.decode("ascii").upper().replace("-", "_")
    if role not in {CONTENT_LENGTH, CONTENT_TYPE}:
        cgi = "HTTP_" + cgi
    entry = (lower, cgi, role, _forgotten(lower) is None)
    if len(name) <= LONGEST_NAME:
        if len(_names) >= KNOWN_NAMES:
            _names.clear()
        _names[name] = entry
    return entry


def make(name: bytes, value: bytes) -> Field:
    """A field of our own making: what a target says in a field's place."""
    lower, cgi, role, _ = _learn_name(name)
    return Field(lower, value, cgi, value.decode("latin-1"), role)
