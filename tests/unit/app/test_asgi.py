"""RequestHead -> scope, and the machine behind `send`, without a loop."""

from collections import UserDict

import pytest

from tonnage.app.asgi import (
    CONTENT,
    DONE,
    FILE,
    HINT,
    LAST,
    LAST_PART,
    NOTED,
    PART,
    TRAILERS,
    WHOLE,
    Conversation,
    Message,
    Mount,
    Peer,
    Scope,
    client_of,
    hinted,
    http_scope,
    tell,
    websocket_scope,
)
from tonnage.errors import LocalProtocolError, RemoteProtocolError
from tonnage.http import forwarded
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.http.limits import Limits, Policy

MARKERS = {b"x-forwarded-proto": b"https", b"x-forwarded-ssl": b"on"}
PROXIES = forwarded.trust(["127.0.0.1", "10.0.0.0/8"])


def head_of(*lines: str, first: str = "GET / HTTP/1.1") -> RequestHead:
    connection = Connection(Limits(), Policy(), trusted=True)
    connection.receive("\r\n".join([first, "Host: a", *lines, "", ""]).encode())
    head = connection.next()
    assert isinstance(head, RequestHead)
    return head


def scope_of(
    *lines: str, first: str = "GET / HTTP/1.1", root_path: str = "", peer: Peer = ("127.0.0.1", 9), trusted: bool = True
) -> Scope:
    mount = Mount(("127.0.0.1", 80), root_path, MARKERS, script_name_field=True)
    head = head_of(*lines, first=first)
    told = tell(head, mount, mount.template(), peer, PROXIES if trusted else None)
    return http_scope(head, told, {"pool": 1})


def test_a_scope_is_complete() -> None:
    assert scope_of("X-A: b", first="POST /a%20b/%C3%A9?c=%20 HTTP/1.0") == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.0",
        "method": "POST",
        "scheme": "http",
        "path": "/a b/é",
        "raw_path": b"/a%20b/%C3%A9",
        "query_string": b"c=%20",
        "root_path": "",
        "headers": [(b"host", b"a"), (b"x-a", b"b")],
        "client": ("127.0.0.1", 9),
        "server": ("127.0.0.1", 80),
        "extensions": {"http.response.pathsend": {}, "http.response.early_hint": {}},
        "state": {"pool": 1},
    }


def test_two_scopes_share_nothing_that_can_be_written_into() -> None:
    mount = Mount(None)
    head = head_of()
    told = tell(head, mount, mount.template(), None, None)
    state: dict[str, object] = {"a": 1}
    one, other = http_scope(head, told, state), http_scope(head, told, state)
    for name, value in one.items():
        assert isinstance(value, str | bytes | tuple | None) or value is not other[name], name
    extensions, others = one["extensions"], other["extensions"]
    assert isinstance(extensions, dict)
    assert isinstance(others, dict)
    assert not any(value is others[name] for name, value in extensions.items())
    assert websocket_scope(one, [])["asgi"] is not websocket_scope(other, [])["asgi"]


def test_a_path_that_is_not_utf8_is_a_path_all_the_same() -> None:
    assert scope_of(first="GET /%ff HTTP/1.1")["path"] == "/\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("asked", ["/app/page", "/page"])
def test_a_path_begins_with_root_path_whether_the_proxy_takes_it_away_or_not(asked: str) -> None:
    scope = scope_of(first=f"GET {asked} HTTP/1.1", root_path="/app")
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/app", "/app/page", b"/app/page")


@pytest.mark.parametrize("first", ["OPTIONS * HTTP/1.1", "OPTIONS http://a HTTP/1.1"])
def test_the_server_itself_is_not_below_root_path(first: str) -> None:
    scope = scope_of(first=first, root_path="/app")
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/app", "*", b"*")


def test_a_path_that_only_looks_like_root_path_is_below_it() -> None:
    assert scope_of(first="GET /apple HTTP/1.1", root_path="/app")["path"] == "/app/apple"


def test_a_trusted_proxy_says_scheme_client_and_root_path() -> None:
    scope = scope_of("X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1, 10.1.1.1", "SCRIPT_NAME: /m")
    assert (scope["scheme"], scope["client"], scope["root_path"]) == ("https", ("192.0.2.1", 0), "/m")


def test_a_stranger_says_none_of_it() -> None:
    scope = scope_of("X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1", peer=("192.0.2.9", 5), trusted=False)
    assert (scope["scheme"], scope["client"]) == ("http", ("192.0.2.9", 5))


def test_proxies_that_disagree_about_the_scheme_are_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        scope_of("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("203.0.113.5, 192.0.2.1", "192.0.2.1"),  # the first is what the client claims
        ("192.0.2.1, 10.0.0.7, 127.0.0.1", "192.0.2.1"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]:443, 10.0.0.1", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1,,", "192.0.2.1"),
    ],
)
def test_the_client_is_the_last_host_that_is_no_proxy_of_ours(chain: str, client: str) -> None:
    assert client_of(chain, PROXIES) == client


def test_trailers_are_offered_to_who_takes_them() -> None:
    assert "http.response.trailers" in scope_of("TE: gzip, trailers")["extensions"]  # type: ignore[operator]
    assert "http.response.trailers" not in scope_of()["extensions"]  # type: ignore[operator]


def test_a_websocket_has_a_scope_of_its_own() -> None:
    scope = websocket_scope(scope_of("X-Forwarded-Proto: https"), ["chat"])
    assert (scope["type"], scope["scheme"], scope["subprotocols"]) == ("websocket", "wss", ["chat"])
    assert "method" not in scope


def test_an_upgrade_is_seen() -> None:
    mount = Mount(None)
    head = head_of("Connection: keep-alive, Upgrade", "Upgrade: WebSocket")
    assert tell(head, mount, mount.template(), None, None).upgrades
    assert not tell(head_of("Upgrade: websocket"), mount, mount.template(), None, None).upgrades


START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}


def body(content: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


DONE_WITH = {  # what it is called here, and what follows
    NOTED: ("", -1), WHOLE: ("whole", DONE), PART: ("part", CONTENT), LAST_PART: ("last part", TRAILERS),
    LAST: ("last", DONE), HINT: ("hint", -1), FILE: ("file", DONE),
}  # fmt: skip


def told(*messages: Message) -> list[str]:
    """What is done about them, by somebody who does it."""
    conversation = Conversation()
    said = []
    for message in messages:
        name, stage = DONE_WITH[conversation.hear(message)]
        if name:
            said.append(f"{name} {conversation.content!r}")
        if stage >= 0:
            conversation.stage = stage
    return [*said, f"{conversation.status} {conversation.fields} {conversation.trailers}"]


def test_a_response_in_one_piece_is_one_call() -> None:
    assert told(START, body(b"x")) == ["whole b'x'", "200 OK [('a', 'b')] None"]


def test_a_stream_is_sent_as_it_comes() -> None:
    assert told(START, body(b"x", more=True), body(b"y"))[:-1] == ["part b'x'", "last b'y'"]


def test_content_may_be_any_bytes_like_object() -> None:
    assert told(START, {"type": "http.response.body", "body": bytearray(b"x")})[0] == "whole b'x'"


def test_a_field_is_any_pair() -> None:
    assert told({**START, "headers": ([b"a", b"b"] for _ in "x")}, body(b"x")) == told(START, body(b"x"))


def test_a_message_may_be_any_mapping() -> None:
    assert told(UserDict(START), UserDict(body(b"x"))) == told(START, body(b"x"))


def test_hints_come_before_the_head_and_a_file_instead_of_content() -> None:
    hint: Message = {"type": "http.response.early_hint", "links": [b"</a>; rel=preload", bytearray(b"</b>")]}
    file: Message = {"type": "http.response.pathsend", "path": "/x"}
    assert told(hint, START, file)[:-1] == ["hint b''", "file b''"]
    assert hinted(hint) == [("link", "</a>; rel=preload"), ("link", "</b>")]


def test_trailers_come_after_the_content() -> None:
    trailers: Message = {"type": "http.response.trailers", "headers": [[b"sum", b"1"]]}
    more: Message = {**trailers, "more_trailers": True}
    *said, end = told({**START, "trailers": True}, body(b"x"), more, trailers)
    assert said == ["last part b'x'", "last b''"]
    assert end.endswith(" [('sum', '1'), ('sum', '1')]")


@pytest.mark.parametrize(
    "messages",
    [
        [body()],
        [START, START],
        [START, body(), body()],
        [START, {"type": "http.response.trailers", "headers": []}],
        [START, {"type": "http.response.early_hint", "links": []}],
        [START, body(b"x", more=True), {"type": "http.response.pathsend", "path": "/x"}],
        [{"type": "http.response.start", "status": 200, "headers": [("text", "text")]}],
        [{"type": "websocket.accept"}],
    ],
)
def test_what_is_out_of_order_is_refused(messages: list[Message]) -> None:
    with pytest.raises(LocalProtocolError):
        told(*messages)
