"""The ASGI events of one WebSocket (spec 2.5): the application's `receive` and `send`. No socket is known here.

    CONNECTING ──websocket.accept──> OPEN ──websocket.close, or the client's end──> CLOSED
        ├──websocket.close──> CLOSED: 403
        └──websocket.http.response.start──> DENYING ──the last of its body──> CLOSED

Messages wait in an inbox; when it is full, the port stops reading. `websocket.disconnect` comes after them, once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Final, Protocol, cast

from tonnage.app.asgi import text_fields
from tonnage.errors import ClientLeftError, LocalProtocolError

Message = str | bytes
Event = Mapping[str, object]

MOST_MESSAGES: Final = 32  # in the inbox, as uvicorn and `websockets` have it
MOST_OCTETS: Final = 1 << 20  # or so much of them; one larger message still finds room
NORMAL: Final = 1000


class Port(Protocol):
    """What the worker does for it. Each call may raise LocalProtocolError: the application's fault."""

    loop: asyncio.AbstractEventLoop
    room: asyncio.Future[None] | None  # done when the client has taken enough to be sent more; None: it has

    def accept(self, subprotocol: str | None, fields: list[tuple[str, str]]) -> None: ...
    def refuse(self) -> None: ...
    def deny(self, status: int, fields: list[tuple[str, str]]) -> None: ...
    def deny_content(self, data: bytes, *, more: bool) -> None: ...
    def send(self, message: Message) -> None: ...
    def close(self, code: int, reason: str) -> None: ...
    def resume(self) -> None: ...  # the inbox has room again


class Phase(Enum):
    CONNECTING = "connecting"
    OPEN = "open"
    DENYING = "denying"
    CLOSED = "closed"  # nothing can be sent


class Conversation:
    __slots__ = ("_held", "_inbox", "_left", "_port", "_waiters", "is_full", "phase")

    def __init__(self, port: Port) -> None:
        self._port = port
        self._inbox: deque[Message | dict[str, object]] = deque([{"type": "websocket.connect"}])
        self._held = 0  # octets (of text: characters) in the inbox
        self._waiters: deque[asyncio.Future[None]] = deque()
        self.is_full = False  # the inbox
        self._left = False  # websocket.disconnect is in the inbox, or was
        self.phase = Phase.CONNECTING

    # -- what the worker tells -------------------------------------------------------------------------------------

    def deliver(self, messages: Iterable[Message]) -> None:
        inbox = self._inbox
        for message in messages:
            inbox.append(message)
            self._held += len(message)
        self.is_full = len(inbox) >= MOST_MESSAGES or self._held >= MOST_OCTETS
        if self._waiters:
            self._wake()

    def disconnect(self, code: int, reason: str) -> None:
        """The end; a second one is not told."""
        if not self._left:
            self._left = True
            self.phase = Phase.CLOSED
            self._inbox.append({"type": "websocket.disconnect", "code": code, "reason": reason})
            self._wake()

    def _wake(self) -> None:
        waiters = self._waiters
        while waiters:
            waiter = waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    # -- what the application calls --------------------------------------------------------------------------------

    async def receive(self) -> dict[str, object]:
        inbox = self._inbox
        while not inbox:
            if self._left:
                raise LocalProtocolError("receive() after websocket.disconnect: nothing follows it")
            waiter = self._port.loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake()  # we were woken for a message that another one has to take now
                raise
        item = inbox.popleft()
        if isinstance(item, dict):
            return item
        self._held -= len(item)
        if self.is_full and len(inbox) < MOST_MESSAGES and self._held < MOST_OCTETS:
            self.is_full = False
            self._port.resume()
        return {"type": "websocket.receive", "text" if type(item) is str else "bytes": item}

    async def send(self, event: Event) -> None:
        if self.phase is Phase.OPEN and event["type"] == "websocket.send":
            text = event.get("text")
            message = event.get("bytes") if text is None else text
            if not isinstance(message, str | bytes | bytearray | memoryview):
                raise LocalProtocolError("websocket.send needs `text`, a string, or `bytes`")
            self._port.send(cast("Message", message))
        else:
            self._rarely(event)
        if self._port.room is not None:
            await asyncio.shield(self._port.room)

    def _rarely(self, event: Event) -> None:
        kind = event["type"]
        match self.phase, kind:
            case Phase.CONNECTING, "websocket.accept":
                self._port.accept(cast("str | None", event.get("subprotocol")), _fields(event))
                self.phase = Phase.OPEN
            case Phase.CONNECTING, "websocket.close":
                self.phase = Phase.CLOSED
                self._port.refuse()
            case Phase.CONNECTING, "websocket.http.response.start":
                self._port.deny(cast("int", event["status"]), _fields(event))
                self.phase = Phase.DENYING
            case Phase.DENYING, "websocket.http.response.body":
                more = bool(event.get("more_body", False))
                self._port.deny_content(cast("bytes", event.get("body", b"")), more=more)
                self.phase = Phase.DENYING if more else Phase.CLOSED
            case Phase.OPEN, "websocket.close":
                code = event.get("code")
                self._port.close(NORMAL if code is None else cast("int", code), cast("str", event.get("reason") or ""))
                self.phase = Phase.CLOSED
            case Phase.CLOSED, _ if self._left:
                raise ClientLeftError(f"{kind} after the client has left")
            case phase, _:
                raise LocalProtocolError(f"{kind!r} cannot be sent while the WebSocket is {phase.value}")


def _fields(event: Event) -> list[tuple[str, str]]:
    return text_fields(cast("Iterable[Sequence[bytes]]", event.get("headers") or ()))
