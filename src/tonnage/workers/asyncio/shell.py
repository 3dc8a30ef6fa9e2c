"""What may take a connection over, and what it is handed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tonnage.app.asgi import Scope
from tonnage.http.head import RequestHead

if TYPE_CHECKING:
    from tonnage.workers.asyncio.protocol import Client


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A request for a WebSocket, and the connection it came on."""

    client: Client
    transport: asyncio.Transport
    head: RequestHead
    scope: Scope  # still of type "http"; see app.asgi.websocket_scope
    leftover: bytes  # what came after the head


class Shell(Protocol):
    """What has taken a connection over, and is told all that the transport says.

    At its end it calls `client.done()`; or it gives the connection back (`client.shell = None`) and calls `refuse()`.
    """

    def data_received(self, data: bytes, /) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def connection_lost(self, exc: Exception | None, /) -> None: ...
    def drain(self) -> None: ...  # the worker leaves
    def tick(self, now: float, /) -> None: ...  # about twice a second; CLOCK_MONOTONIC
