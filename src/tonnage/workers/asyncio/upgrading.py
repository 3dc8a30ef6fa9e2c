"""A request that asks for a WebSocket. What speaks its protocol is imported when the first one comes.

The 101 is sent when the application accepts; until then a refusal is an ordinary response.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tonnage.config.model import Config
from tonnage.errors import RemoteProtocolError

if TYPE_CHECKING:
    from tonnage.workers.asyncio.shell import Shell, Upgrade


@dataclass(frozen=True, slots=True)
class Terms:
    """Octets and seconds, from the settings."""

    most: int  # of a message; 0: no limit
    deflate: bool
    ping_interval: float  # 0: no pings
    ping_timeout: float  # 0: pongs are not waited for


def terms_of(config: Config) -> Terms:
    return Terms(
        config.websocket_max_message_size,
        config.websocket_per_message_deflate,
        config.websocket_ping_interval,
        config.websocket_ping_timeout,
    )


class Upgrader:
    """`open` makes what takes the connection over, or answers the request and returns None."""

    def __init__(self, terms: Terms, log: logging.Logger) -> None:
        self._terms = terms
        self._log = log
        self._told = False  # what is missing

    def open(self, upgrade: Upgrade) -> Shell | None:
        try:
            from tonnage.http.upgrade import open_  # noqa: PLC0415 - see above
            from tonnage.workers.asyncio.websocket import WebSocketShell  # noqa: PLC0415
        except ModuleNotFoundError as exc:
            if exc.name is None or exc.name.partition(".")[0] != "websockets":
                raise
            self._tell()
            upgrade.client.refuse(501)
            return None
        try:
            opening = open_(upgrade.head, deflate=self._terms.deflate, most=self._terms.most)
        except RemoteProtocolError as exc:
            upgrade.client.refuse(exc)
            return None
        return WebSocketShell(upgrade, opening, self._terms)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._log.error(
                "a client asked for a WebSocket and was answered with 501: the package websockets is not installed. "
                "pip install 'tonnage[asgi]'"
            )
