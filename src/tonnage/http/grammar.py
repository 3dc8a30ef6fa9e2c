"""The rules of RFC 9110, 9112 and 3986 that we judge by, each under its number.

They judge octets; what a whole message means is judged in framing.py.
"""

from __future__ import annotations

import ipaddress
import re

from tonnage.errors import RemoteProtocolError
from tonnage.http.limits import LARGEST

OWS = b" \t"  # RFC 9110 5.6.3
TOKEN_OCTETS = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
HEX_DIGITS = b"0123456789abcdefABCDEF"

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'

is_token = re.compile(_TOKEN).fullmatch  # RFC 9110 5.6.2
bad_octet = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search  # RFC 9110 5.5: CTL but HTAB; obs-text is let pass
is_target = re.compile(rb'[!"$-~]+').fullmatch  # RFC 9112 3.2: visible ASCII; `#` begins a fragment, never sent
is_version = re.compile(rb"HTTP/[0-9]\.[0-9]").fullmatch  # RFC 9112 2.3
# RFC 9112 3.2.2 and 3.2.3; the authority is judged by parse_host
absolute_form = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://([^/?]*)([^?]*)(?:\?(.*))?").fullmatch
# RFC 9112 7.1.1; BWS is BAD, yet allowed there
is_extension = re.compile(
    rb"(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)+",
).fullmatch
# RFC 3986 3.2.2 and 3.2.3: reg-name or IP literal, then a port
_host = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::([0-9]{0,5}))?"
).fullmatch


def check_host(value: bytes, *, needs_name: bool = False, needs_port: bool = False) -> None:
    """RFC 9110 7.2: uri-host [":" port]; it may be empty where the client knows no name."""
    match = _host(value)
    if match is None or (match[1] and not _is_ipv6(match[1])):
        raise RemoteProtocolError("the host is not a name or an address with an optional port")
    if needs_name and value[:1] in {b"", b":"}:
        raise RemoteProtocolError("the request target names no host")
    if match[2] and int(match[2]) > 65535:
        raise RemoteProtocolError("the host has a port above 65535")
    if needs_port and not match[2]:
        raise RemoteProtocolError("the target of CONNECT names no port")


def _is_ipv6(literal: bytes) -> bool:
    try:
        ipaddress.IPv6Address(literal.decode("ascii"))
    except ValueError:
        return False
    return True


def parse_length(value: bytes) -> int:
    """RFC 9110 8.6: digits and nothing else; not even a list of equal lengths, which not every peer reads alike."""
    if not value.isdigit():
        raise RemoteProtocolError("Content-Length is not a number")
    digits = value.lstrip(b"0")
    if len(digits) > 19 or (length := int(digits or b"0")) > LARGEST:
        raise RemoteProtocolError("Content-Length does not fit 64 bits")
    return length


def parse_chunk_size(digits: bytes) -> int:
    """RFC 9112 7.1: hexadecimal digits and nothing else."""
    if not digits or digits.strip(HEX_DIGITS):
        raise RemoteProtocolError("a chunk size is not a hexadecimal number")
    digits = digits.lstrip(b"0")
    if len(digits) > 16 or (size := int(digits or b"0", 16)) > LARGEST:
        raise RemoteProtocolError("a chunk size does not fit 64 bits")
    return size


def parse_list(value: bytes) -> list[bytes]:
    """RFC 9110 5.6.1: a comma list of tokens, lower case; empty elements are skipped."""
    return [item for part in value.lower().split(b",") if (item := part.strip(OWS))]
