"""The octets before a body -> RequestHead, or the status that refuses them.

Order of judgement, the same however the bytes arrive: structure (line ends, sizes, counts), request line, field lines,
then what the fields say together. The parser sits behind one function, `parse`, so that a compiled one can take its place.
"""

from __future__ import annotations

from tonnage.errors import RemoteProtocolError
from tonnage.http import fields as f
from tonnage.http import grammar, target
from tonnage.http.fields import Field, known_line, learn_line
from tonnage.http.limits import Limits, Policy
from tonnage.http.structure import inspect

CODINGS = frozenset({b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress", b"identity"})


class RequestHead:
    """A request without its content. Filled by `parse`: attributes of a bare object cost a third of an __init__."""

    __slots__ = (
        "chunked", "content_length", "expect_continue", "fields", "has_body", "host", "keep_alive",
        "line", "method", "minor", "path", "query", "target",
    )  # fmt: skip

    line: bytes  # the request line as received
    method: str
    target: bytes  # as received
    path: bytes  # of the target, not decoded, without the query; b"*" or, for CONNECT, b"" where there is none
    query: bytes
    minor: int  # HTTP/1.minor
    fields: list[Field]  # as received, in order, cleaned
    host: bytes  # of the Host field, or of the target that overrides it; b"" when HTTP/1.0 gave none
    content_length: int | None
    chunked: bool
    keep_alive: bool  # what the client allows
    expect_continue: bool
    has_body: bool

    def __repr__(self) -> str:
        return f"RequestHead({self.line!r}, {self.fields!r})"


def parse(block: bytes, limits: Limits, policy: Policy, *, trusted: bool = False) -> RequestHead:
    """`block` is everything before the empty line that ends a head."""
    lines = block.split(b"\r\n")
    if len(block) > limits.least or len(lines) > limits.fields + 1:
        inspect(block, limits)
    try:
        return _parse(lines, policy, trusted)
    except RemoteProtocolError:
        inspect(block, limits)  # a fault of structure comes first, as it does when the bytes come one by one
        raise


def _parse(lines: list[bytes], policy: Policy, trusted: bool) -> RequestHead:
    head = RequestHead()
    head.line = line = lines.pop(0)
    words = line.split(b" ")
    if len(words) != 3:
        raise RemoteProtocolError("the request line is not method, target and version")
    word, goal, version = words
    method = target.METHODS.get(word)
    head.method = method = method or target.parse_method(word, policy)
    head.target = goal
    minor = target.MINORS.get(version)
    head.minor = minor = target.parse_version(version, policy) if minor is None else minor
    if not grammar.is_target(goal):
        raise RemoteProtocolError("the request target has characters that must be percent-encoded")
    authority = None
    if goal[0] == 47 and method != "CONNECT":
        head.path, _, head.query = goal.partition(b"?")
    else:
        head.path, head.query, authority = target.parse_other_form(method, goal)
    if policy.permit_obsolete_folding:
        lines = unfold(lines)
    head.fields = fields = [known_line(text) or learn_line(text, policy) for text in lines]
    judge(head, [field for field in fields if field.role], policy, trusted)
    if authority is not None:
        override_host(head, authority)
    return head


def judge(head: RequestHead, special: list[Field], policy: Policy, trusted: bool) -> None:
    """What the fields say together: whose request it is, where it ends, and what happens after it."""
    host = length = content_type = None
    codings: list[Field] = []
    minor = head.minor
    keep = minor == 1
    close = expects = False
    for field in special:
        role = field.role
        if role == f.HOST:
            if host is not None:
                raise RemoteProtocolError("more than one Host field")
            host = field.value
        elif role == f.CONNECTION:
            options = grammar.parse_list(field.value)
            close = close or b"close" in options
            keep = keep or b"keep-alive" in options
        elif role == f.CONTENT_LENGTH:
            if length is not None:
                raise RemoteProtocolError("more than one Content-Length field")
            length = grammar.parse_length(field.value)
        elif role == f.TRANSFER_ENCODING:
            codings.append(field)
        elif role == f.CONTENT_TYPE:
            if content_type is not None:
                raise RemoteProtocolError("more than one Content-Type field")
            content_type = field
        elif role == f.EXPECT:
            expects = True
        else:
            judge_underscore(head, field, policy, trusted)
    if host is None:
        if minor:
            raise RemoteProtocolError("HTTP/1.1 without a Host field")
        host = b""
    head.host = host
    head.content_length = length
    head.chunked = chunked = bool(codings) and judge_codings(codings, minor, length)
    head.has_body = has_body = chunked or bool(length)
    head.keep_alive = keep and not close and head.method != "CONNECT"
    head.expect_continue = expects and judge_expectations(special, minor) and has_body


def judge_codings(codings: list[Field], minor: int, length: int | None) -> bool:
    """RFC 9112 6.1 and 6.3: chunked, last and once, is all that we decode; a length beside it is an attack."""
    if not minor:
        raise RemoteProtocolError("Transfer-Encoding in HTTP/1.0")
    if length is not None:
        raise RemoteProtocolError("both Transfer-Encoding and Content-Length")
    names = [name.strip(grammar.OWS) for name in b",".join([field.value for field in codings]).lower().split(b",")]
    if names == [b"chunked"]:
        return True
    if b"" in names or b"identity" in names or b"chunked" in names[:-1]:
        raise RemoteProtocolError("Transfer-Encoding must name chunked once, at the end")
    if names[-1] != b"chunked" and CODINGS.issuperset(names):
        raise RemoteProtocolError("Transfer-Encoding does not end in chunked, so the content has no end")
    raise RemoteProtocolError("a transfer coding other than chunked is not implemented", status=501)


def judge_expectations(special: list[Field], minor: int) -> bool:
    """RFC 9110 10.1.1: 100-continue is the only one; from HTTP/1.0 it is ignored."""
    if not minor:
        return False
    for field in special:
        if field.role == f.EXPECT and set(grammar.parse_list(field.value)) != {b"100-continue"}:
            raise RemoteProtocolError("an expectation other than 100-continue", status=417)
    return True


def judge_underscore(head: RequestHead, field: Field, policy: Policy, trusted: bool) -> None:
    """In an environ `X_Real_IP` and `X-Real-IP` are one key: whoever may send the first can pass for the second."""
    if trusted and (field.cgi[5:] in policy.forwarder_fields or "*" in policy.forwarder_fields):
        return
    if policy.header_map == "refuse":
        raise RemoteProtocolError("a field name has an underscore (header_map = refuse)")
    if policy.header_map == "drop":
        head.fields.remove(field)


def override_host(head: RequestHead, authority: bytes) -> None:
    """RFC 9112 3.2.2: the authority of an absolute-form target replaces whatever Host says."""
    field = f.make(b"host", authority)
    head.host = authority
    head.fields = [field if old.role == f.HOST else old for old in head.fields]
    if field not in head.fields:
        head.fields.append(field)


def unfold(lines: list[bytes]) -> list[bytes]:
    """RFC 9112 5.2: a folded line continues the one before it; the fold counts as one space."""
    whole: list[bytes] = []
    for line in lines:
        if line[:1] in {b" ", b"\t"} and whole:
            whole[-1] += b" " + line.strip(grammar.OWS)
        else:
            whole.append(line)
    return whole
