"""The opening handshake: whom we let in, and what exactly the 101 says."""

import pytest
from websockets.client import ClientProtocol
from websockets.http11 import Response
from websockets.uri import parse_uri

from tonnage.errors import LocalProtocolError, RemoteProtocolError
from tonnage.http import upgrade
from tonnage.http.head import RequestHead, parse
from tonnage.http.limits import Limits, Policy
from tonnage.http.write import refusal

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 1.3
DATE = b"Date: now\r\n"
ASKED = (
    "Host: x", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13",
)  # fmt: skip


def head(*fields: str, line: str = "GET /chat?room=1 HTTP/1.1") -> RequestHead:
    return parse("\r\n".join([line, *fields]).encode(), Limits(), Policy())


def without(name: str, *more: str) -> RequestHead:
    return head(*[field for field in ASKED if not field.startswith(name)], *more)


def opening(*more: str, deflate: bool = True) -> upgrade.Opening:
    return upgrade.open_(head(*ASKED, *more), deflate=deflate, most=1000)


def test_the_101_of_the_rfc() -> None:
    assert upgrade.switch(opening(), None, [("X-Room", "1")], DATE) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Room: 1\r\nServer: tonnage\r\nDate: now\r\n\r\n"
    )


def test_a_client_of_websockets_is_content() -> None:
    client = ClientProtocol(parse_uri("ws://x/"))
    client.send_request(client.connect())
    asked = parse(b"".join(client.data_to_send()).removesuffix(b"\r\n\r\n"), Limits(), Policy())
    client.receive_data(upgrade.switch(upgrade.open_(asked, deflate=True, most=0), None, [], DATE))
    (answer,) = client.events_received()
    assert isinstance(answer, Response)
    assert client.handshake_exc is None


@pytest.mark.parametrize(
    "bad",
    [
        without("Sec-WebSocket-Key"),
        without("Sec-WebSocket-Version"),
        without("Sec-WebSocket-Key", "Sec-WebSocket-Key: short"),
        without("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==AA"),
        head(*ASKED, f"Sec-WebSocket-Key: {KEY}"),
        head(*ASKED, "Sec-WebSocket-Version: 13"),
        head(*ASKED, "Sec-WebSocket-Extensions: ;"),
        head(*ASKED, "Content-Length: 3"),
    ],
)
def test_a_handshake_that_is_none_gets_400(bad: RequestHead) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        upgrade.open_(bad, deflate=True, most=0)
    assert caught.value.status == 400


@pytest.mark.parametrize("version", ["8", "14", "x"])
def test_another_version_is_told_ours(version: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        upgrade.open_(without("Sec-WebSocket-Version", f"Sec-WebSocket-Version: {version}"), deflate=True, most=0)
    assert caught.value.status == 426
    answer = refusal(426, content=True, retry_after_s=None)
    assert answer.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
    assert b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" in answer


def test_the_application_picks_one_of_the_subprotocols() -> None:
    offered = opening("Sec-WebSocket-Protocol: Chat, superchat", "Sec-WebSocket-Protocol: v2")
    assert offered.subprotocols == ("Chat", "superchat", "v2")
    assert b"\r\nSec-WebSocket-Protocol: superchat\r\n" in upgrade.switch(offered, "superchat", [], DATE)
    with pytest.raises(LocalProtocolError, match="'chat' was not offered by the client"):
        upgrade.switch(offered, "chat", [], DATE)
    with pytest.raises(LocalProtocolError, match="it offers none"):
        upgrade.switch(opening(), "chat", [], DATE)


@pytest.mark.parametrize("name", ["Sec-WebSocket-Accept", "sec-websocket-protocol", "Sec-WebSocket-Extensions"])
def test_the_fields_of_the_handshake_are_ours(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="is the server's"):
        upgrade.switch(opening(), None, [(name, "x")], DATE)


def test_fields_that_split_a_response_or_speak_for_the_connection_do_not_pass() -> None:
    with pytest.raises(LocalProtocolError):
        upgrade.switch(opening(), None, [("X", "a\r\nb")], DATE)
    answer = upgrade.switch(opening(), None, [("Connection", "close"), ("Content-Length", "5"), ("Server", "s")], DATE)
    assert answer.count(b"Connection:") == 1
    assert b"Content-Length" not in answer
    assert answer.count(b"Server:") == 1


DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


@pytest.mark.parametrize(
    ("offer", "on", "answer"),
    [
        (DEFLATE, True, b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"),
        (DEFLATE, False, None),
        ("Sec-WebSocket-Extensions: x-unknown", True, None),
        ("Sec-WebSocket-Extensions: permessage-deflate; nonsense", True, None),
        ("Sec-WebSocket-Extensions: x-no, permessage-deflate", True, b"permessage-deflate; server_max_window_bits=12"),
    ],
)  # fmt: skip
def test_deflate_is_agreed_on(offer: str, answer: bytes | None, *, on: bool) -> None:
    answered = upgrade.switch(opening(offer, deflate=on), None, [], DATE)
    if answer is None:
        assert b"Sec-WebSocket-Extensions" not in answered
    else:
        assert b"\r\nSec-WebSocket-Extensions: " + answer + b"\r\n" in answered
