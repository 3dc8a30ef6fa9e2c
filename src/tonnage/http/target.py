"""The request line: method, target, version. RFC 9112 section 3."""

from __future__ import annotations

from tonnage.errors import RemoteProtocolError
from tonnage.http import grammar
from tonnage.http.limits import Policy

METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")
}


def parse_method(word: bytes, policy: Policy) -> str:
    """Any token is a method (RFC 9110 9.1); one that looks like none is most often another protocol."""
    if not grammar.is_token(word):
        raise RemoteProtocolError("the method is not a token")
    if policy.casefold_method:
        word = word.upper()
    if not policy.permit_unconventional_method and (not 3 <= len(word) <= 20 or b"#" in word or word != word.upper()):
        raise RemoteProtocolError("the method is unconventional: 3 to 20 characters, upper case, no #")
    return word.decode("ascii")


def parse_version(word: bytes, policy: Policy) -> int:
    """The minor version."""
    if word in {b"HTTP/1.1", b"HTTP/1.0"}:
        return word[-1] - 48
    if not grammar.is_version(word):
        raise RemoteProtocolError("the request line does not end in an HTTP version")
    if word.startswith(b"HTTP/1.") and policy.permit_unconventional_version:
        return 1  # RFC 9110 2.5: treated as the highest minor version that we know
    raise RemoteProtocolError("only HTTP/1.0 and HTTP/1.1 are spoken here", status=505)


def parse_other_form(method: str, target: bytes) -> tuple[bytes, bytes, bytes | None]:
    """Path, query and authority of a target that is not in origin-form (RFC 9112 3.2)."""
    if method == "CONNECT":
        grammar.check_host(target, needs_name=True, needs_port=True)
        return b"", b"", None
    if target == b"*":
        if method != "OPTIONS":
            raise RemoteProtocolError("the target * is for OPTIONS only")
        return target, b"", None
    match = grammar.absolute_form(target)
    if match is None:
        raise RemoteProtocolError("the request target has none of the four forms")
    authority, path, query = match.groups(b"")
    grammar.check_host(authority, needs_name=True)
    if not path:  # RFC 9112 3.2.4: OPTIONS with neither path nor query is about the server, like *
        path = b"*" if method == "OPTIONS" and not query else b"/"
    return path, query, authority
