"""The octets before a body -> RequestHead, or the status that refuses them.

Order of judgement, the same however the bytes arrive: structure (line ends, sizes, counts), request line, field lines,
then what the fields say together. All of it behind two functions, so that a compiled parser can take their place.
"""

from __future__ import annotations

from tonnage.errors import RemoteProtocolError
from tonnage.http import fields as f
from tonnage.http import grammar, target
from tonnage.http.fields import Field, known_line, learn_line
from tonnage.http.framing import Section, judge
from tonnage.http.limits import Limits, Policy
from tonnage.http.structure import inspect

__all__ = ["LONGEST_KNOWN", "Field", "RequestHead", "parse", "parse_repeated", "unfold"]  # shells find Field here

LONGEST_KNOWN = 2048  # octets of fields that a connection keeps to know them when they come again


class RequestHead(Section):
    """A request without its content."""

    __slots__ = ("line", "method", "path", "query", "target")

    line: bytes  # the request line as received, without CRLF
    method: str
    target: bytes  # as received
    path: bytes  # of the target, not decoded, without the query; b"*", or b"" for CONNECT, where there is none
    query: bytes

    def __repr__(self) -> str:
        return f"RequestHead({self.line!r}, {self.fields!r})"


def parse(block: bytes, limits: Limits, policy: Policy, *, trusted: bool = False) -> RequestHead:
    """`block` is everything before the empty line that ends a head."""
    lines = block.split(b"\r\n")
    if len(block) > limits.least or len(lines) > limits.fields + 1:
        inspect(block, limits)
    head = RequestHead()
    try:
        authority = _parse_line(head, lines[0], policy)
        del lines[0]
        if policy.permit_obsolete_folding:
            lines = unfold(lines)
        head.fields = [known_line(line) or learn_line(line, policy) for line in lines]
        judge(head, policy, trusted=trusted)
    except RemoteProtocolError:
        inspect(block, limits)  # a fault of structure comes first, as it does when the bytes come one by one
        raise
    if authority is not None:
        _override_host(head, authority)
    elif head.method == "CONNECT":
        head.keep_alive = False  # what follows may be meant for the tunnel that we do not dig
    return head


def parse_repeated(line: bytes, known: Section, limits: Limits, policy: Policy) -> RequestHead | None:
    """A request line before the same octets of fields as `known` was judged by; None where that does not decide."""
    head = RequestHead()
    try:
        authority = _parse_line(head, line, policy)
    except RemoteProtocolError:
        return None
    if (
        authority is not None
        or head.minor != known.minor
        or head.method == "CONNECT"
        or len(line) + LONGEST_KNOWN > limits.least
    ):
        return None
    head.fields = known.fields
    head.host = known.host
    head.content_length = known.content_length
    head.chunked = known.chunked
    head.has_body = known.has_body
    head.keep_alive = known.keep_alive
    head.expect_continue = known.expect_continue
    return head


def _parse_line(head: RequestHead, line: bytes, policy: Policy) -> bytes | None:
    """Fill in what the request line says; return the authority that its target gives in place of Host."""
    words = line.split(b" ")
    if len(words) != 3:
        raise RemoteProtocolError("the request line is not method, target and version")
    head.line = line
    word, goal, version = words
    head.method = method = target.METHODS.get(word) or target.parse_method(word, policy)
    head.minor = target.parse_version(version, policy) if version != b"HTTP/1.1" else 1
    head.target = goal
    if not grammar.is_target(goal):
        raise RemoteProtocolError("the request target has characters that must be percent-encoded")
    if goal[0] == 47 and method != "CONNECT":
        head.path, _, head.query = goal.partition(b"?")
        return None
    head.path, head.query, authority = target.parse_other_form(method, goal)
    return authority


def _override_host(head: RequestHead, authority: bytes) -> None:
    """RFC 9112 3.2.2: the authority of an absolute-form target replaces whatever Host says."""
    field = f.make(b"host", authority)
    head.host = authority
    others = [other for other in head.fields if other.role != f.HOST]
    head.fields = [field, *others]


def unfold(lines: list[bytes]) -> list[bytes]:
    """RFC 9112 5.2: a folded line continues the one before it; the fold counts as one space."""
    whole: list[bytes] = []
    for line in lines:
        if line[:1] in f.WHITE_SPACE and whole:
            whole[-1] += b" " + line.strip(grammar.OWS)
        else:
            whole.append(line)
    return whole
