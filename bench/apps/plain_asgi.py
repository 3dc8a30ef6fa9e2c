"""The same applications as plain.py for ASGI, and two that only ASGI has; a server that offers a lifespan gets one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = Mapping[str, Any]

HELLO = b"Hello, world!"
TEN_KB = b"0123456789abcdef" * 640
PIECES = 32
PIECE = b"0123456789abcdef" * 64
TYPE = (b"content-type", b"text/plain")


def start(*fields: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": [TYPE, *fields]}


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await send(start((b"content-length", b"13")))
    await send({"type": "http.response.body", "body": HELLO})


async def ten_kb(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await send(start((b"content-length", b"10240")))
    await send({"type": "http.response.body", "body": TEN_KB})


async def post(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole content and say how long it was."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    length, more = 0, True
    while more:
        event = await receive()
        length += len(event["body"])
        more = event.get("more_body", False)
    answer = str(length).encode()
    await send(start((b"content-length", str(len(answer)).encode())))
    await send({"type": "http.response.body", "body": answer})


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Piece by piece, and nobody knows beforehand how much it will be."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await send(start())
    for _ in range(PIECES):
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
    await send({"type": "http.response.body"})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


async def lifespan(receive: Receive, send: Send) -> None:
    for _ in range(2):
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
