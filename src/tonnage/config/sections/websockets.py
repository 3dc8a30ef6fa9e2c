from __future__ import annotations

from dataclasses import dataclass

from tonnage.config.kinds import OCTETS, SECONDS, SWITCH
from tonnage.config.setting import at_least, setting


@dataclass(frozen=True, kw_only=True)
class WebSockets:
    """WebSocket."""

    websocket_max_message_size: int = setting(
        16 << 20,
        "--websocket-max-message-size",
        "--ws-max-size",
        kind=OCTETS,
        check=at_least(0),
        meaning="Largest WebSocket message in bytes, fragments together and inflated; a larger one ends its connection "
        "with 1009. 0 is no limit.",
    )
    websocket_ping_interval: float = setting(
        20.0,
        "--websocket-ping-interval",
        "--ws-ping-interval",
        kind=SECONDS,
        meaning="How often each client of a WebSocket is pinged; 0 is never.",
        why="Who has left without a word is found, and proxies see traffic: nginx closes what is silent for 60 s.",
    )
    websocket_ping_timeout: float = setting(
        20.0,
        "--websocket-ping-timeout",
        "--ws-ping-timeout",
        kind=SECONDS,
        meaning="How long the answer to a ping may take; then the connection is closed with 1011. 0 is for ever.",
    )
    websocket_per_message_deflate: bool = setting(
        True,
        "--websocket-per-message-deflate",
        "--ws-per-message-deflate",
        kind=SWITCH,
        meaning="Compress messages for clients that offer it (RFC 7692).",
        why="Browsers all do, and text shrinks to a third. It costs some 32 KiB and two thirds of the CPU of a short "
        "message: turn it off where messages are many and small.",
    )
