"""RequestHead -> the scope of ASGI 3 (spec 2.5), and what an application sends -> calls on a sink. No sockets here.

What does not change is made once: for a listener (`Mount.template`), and for a client that sends the same fields again
(`Told`). A request adds its own to a copy.

`send` is a machine: nothing said, head said, content, trailers, done. The head is held back until the first content, so
that an exception before it still becomes a clean 500, and so that head and content leave in one write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import unquote_to_bytes

from tonnage.errors import LocalProtocolError, RemoteProtocolError
from tonnage.http.fields import Field
from tonnage.http.grammar import parse_list
from tonnage.http.head import RequestHead

Scope = dict[str, object]
Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[object]]
Host = tuple[str, int | None]
Peer = tuple[str, int] | None  # None on a Unix socket

VERSIONS = {"version": "3.0", "spec_version": "2.5"}


def plain_extensions() -> dict[str, dict[str, object]]:
    return {"http.response.pathsend": {}, "http.response.early_hint": {}}


PLAIN_EXTENSIONS = plain_extensions()
ALL_EXTENSIONS = {**PLAIN_EXTENSIONS, "http.response.trailers": {}}
STATUSES = {each.value: f"{each.value} {each.phrase}" for each in HTTPStatus}
WEBSOCKET: Final = b"websocket"
QUEUED: Final = frozenset({b"x-request-start", b"x-queue-start"})
KNOWN_NAMES = 256

# What `send` waits for
NOTHING: Final = 0  # http.response.start
HEAD: Final = 1  # the first content; nothing has left yet
CONTENT: Final = 2
TRAILERS: Final = 3
DONE: Final = 4

# What is to be done about a message
NOTED: Final = 0  # nothing yet
WHOLE: Final = 1  # send the head, `content`, and the end
PART: Final = 2  # send `content`, and before it the head if it has not left
LAST_PART: Final = 3  # the same; trailers are next
LAST: Final = 4  # send `content` and the end
HINT: Final = 5  # see `hinted`
FILE: Final = 6  # send the file at the message's "path"


@dataclass(frozen=True, slots=True)
class Mount:
    """What every request of one listener has in common."""

    server: Host | None
    root_path: str = ""
    https_markers: Mapping[bytes, bytes] = field(default_factory=dict)  # a trusted proxy's field -> what means https
    script_name_field: bool = False  # a trusted proxy may send SCRIPT_NAME

    def template(self) -> Scope:
        return {
            "type": "http",
            "asgi": VERSIONS,
            "http_version": "1.1",
            "server": self.server,
            "client": None,
            "scheme": "http",
            "root_path": self.root_path,
            "extensions": PLAIN_EXTENSIONS,
            "state": {},
            "method": "",
            "path": "",
            "raw_path": b"",
            "query_string": b"",
            "headers": [],
        }


class Told:
    """What the fields of a request say of it; good for every request that brings the same list of fields."""

    __slots__ = ("fields", "headers", "queued", "template", "upgrades")

    def __init__(self, fields: list[Field], template: Scope) -> None:
        self.fields = fields
        self.headers = [(each.name, each.value) for each in fields]
        self.template = template
        self.queued = False  # a proxy says when the request came to it
        self.upgrades = False  # to a WebSocket


def tell(
    head: RequestHead, mount: Mount, template: Scope, peer: Peer, is_trusted: Callable[[str], bool] | None
) -> Told:
    """`is_trusted` is given when the peer itself is trusted. Raises RemoteProtocolError if its proxies disagree."""
    told = Told(head.fields, {**template, "client": peer})
    names = {each.name: each.value for each in head.fields}
    if is_trusted is not None:
        _trust(told, head, mount, is_trusted)
    if b"trailers" in _listed(names.get(b"te")):
        told.template["extensions"] = {**template["extensions"], **ALL_EXTENSIONS}  # type: ignore[dict-item]
    told.upgrades = WEBSOCKET in _listed(names.get(b"upgrade")) and b"upgrade" in _listed(names.get(b"connection"))
    return told


def _listed(value: bytes | None) -> list[bytes]:
    return list(parse_list(value)) if value else []


def _trust(told: Told, head: RequestHead, mount: Mount, is_trusted: Callable[[str], bool]) -> None:
    markers = mount.https_markers
    schemes = {each.value == markers[each.name] for each in head.fields if each.name in markers}
    if len(schemes) > 1:
        raise RemoteProtocolError("the proxy's scheme fields contradict each other")
    if True in schemes:
        told.template["scheme"] = "https"
    chain = ",".join(each.text for each in head.fields if each.name == b"x-forwarded-for")
    if chain:
        told.template["client"] = (client_of(chain, is_trusted), 0)
    told.queued = any(each.name in QUEUED for each in head.fields)
    if mount.script_name_field:
        for each in head.fields:
            if each.name == b"script_name":
                told.template["root_path"] = each.text


def client_of(chain: str, is_trusted: Callable[[str], bool]) -> str:
    """The first host, seen from us, that is not a proxy of ours; X-Forwarded-For, where each added its own peer."""
    hosts = [host.strip() for host in chain.split(",")]
    for host in reversed(hosts):
        address = _without_port(host)
        if address and not is_trusted(address):
            return address
    return _without_port(hosts[0])


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def http_scope(head: RequestHead, told: Told, state: dict[str, object]) -> Scope:
    scope = told.template.copy()
    path = head.path
    scope["method"] = head.method
    scope["raw_path"] = path
    scope["path"] = (unquote_to_bytes(path) if b"%" in path else path).decode("utf-8", "replace")
    scope["query_string"] = head.query
    scope["headers"] = told.headers.copy()
    scope["state"] = state.copy()
    scope["asgi"] = VERSIONS.copy()  # what applications write into it is not for the next client
    extensions = cast("dict[str, dict[str, object]]", scope["extensions"])
    if extensions is PLAIN_EXTENSIONS:  # a fifth of the time that copies take
        scope["extensions"] = plain_extensions()
    else:
        scope["extensions"] = {name: each.copy() for name, each in extensions.items()}
    if not head.minor:
        scope["http_version"] = "1.0"
    if scope["root_path"]:
        _mount(scope)
    return scope


def _mount(scope: Scope) -> None:
    """`path` begins with `root_path`, whether the proxy in front has taken that away or not."""
    root, path, raw = str(scope["root_path"]).rstrip("/"), str(scope["path"]), scope["raw_path"]
    assert isinstance(raw, bytes)
    if raw[:1] == b"/" and path != root and not path.startswith(root + "/"):  # `*` is nobody's path
        scope["path"] = root + path
        scope["raw_path"] = root.encode() + raw
    scope["root_path"] = root


def websocket_scope(scope: Scope, subprotocols: Iterable[str]) -> Scope:
    """The scope of the request that asked for it, as that of a WebSocket."""
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = list(subprotocols)
    given = scope["extensions"]
    assert isinstance(given, dict)
    scope["extensions"] = {name: given[name] for name in ("tls",) if name in given} | {"websocket.http.response": {}}
    del scope["method"]
    return scope


_names: dict[bytes, str] = {}


def text_fields(headers: Iterable[Sequence[bytes]]) -> list[tuple[str, str]]:
    """As http/write.py takes them; a pair may be a list. Names are remembered, values are not: some are secrets."""
    try:
        return [(_names.get(name) or _learn(name), value.decode("latin-1")) for name, value in headers]
    except (AttributeError, TypeError, ValueError):
        raise LocalProtocolError("headers are not pairs of byte strings") from None


def _learn(name: bytes) -> str:
    text = name.decode("latin-1")
    if len(_names) >= KNOWN_NAMES:
        _names.clear()
    _names[name] = text
    return text


def status_line(code: object) -> str:
    """The code, and a reason where there is one; what is no code is refused by http/write.py."""
    return f"{code} "


class Conversation:
    """What one request's `send` was told, and what is to be done about it. Who does it moves `stage` on."""

    __slots__ = ("content", "fields", "stage", "status", "trailers")

    def __init__(self) -> None:
        self.stage = NOTHING
        self.status = ""
        self.fields: list[tuple[str, str]] = []
        self.trailers: list[tuple[str, str]] | None = None  # some were promised
        self.content = b""  # of the last message

    def hear(self, message: Message) -> int:
        """Raises LocalProtocolError when this cannot be said now."""
        told = cast("dict[str, Any]", message if isinstance(message, dict) else dict(message))
        kind = told["type"]
        stage = self.stage
        if kind == "http.response.body" and HEAD <= stage <= CONTENT:
            content = told.get("body", b"")
            self.content = content if isinstance(content, bytes) else bytes(content)  # its TypeError is for the caller
            if told.get("more_body", False):
                return PART
            if self.trailers is not None:
                return LAST_PART
            return WHOLE if stage == HEAD else LAST
        if kind == "http.response.start" and stage == NOTHING:
            code = told["status"]
            self.status = STATUSES.get(code) or status_line(code)
            self.fields = text_fields(told.get("headers", ()))
            if told.get("trailers", False):
                self.trailers = []
            self.stage = HEAD
            return NOTED
        return self._rarely(kind, told)

    def _rarely(self, kind: object, told: dict[str, Any]) -> int:
        stage = self.stage
        if kind == "http.response.pathsend" and stage == HEAD:
            return FILE
        if kind == "http.response.early_hint" and stage == NOTHING:
            return HINT
        if kind == "http.response.trailers" and stage == TRAILERS and self.trailers is not None:
            self.trailers += text_fields(told.get("headers", ()))
            self.content = b""
            return NOTED if told.get("more_trailers", False) else LAST
        said = ("nothing", "the head", "content", "all content", "the whole response")[stage]
        raise LocalProtocolError(f"{kind} cannot follow {said}")


def hinted(message: Message) -> list[tuple[str, str]]:
    """The fields of an early hint."""
    links = message.get("links", ())
    return [("link", bytes(link).decode("latin-1")) for link in links]  # type: ignore[attr-defined]
