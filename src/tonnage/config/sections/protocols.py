from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tonnage.config.kinds import COUNT, OCTETS, SECONDS, TEXT, choice, several
from tonnage.config.setting import Kind, at_least, between, setting

VERSION: Kind[Literal["h1", "h2"]] = choice("h1", "h2")


@dataclass(frozen=True, kw_only=True)
class Asgi:
    """ASGI."""

    asgi_loop: Literal["auto", "asyncio", "uvloop"] = setting(
        "auto",
        "--asgi-loop",
        kind=choice("auto", "asyncio", "uvloop"),
        meaning="Which event loop runs the application; auto is uvloop where it is installed.",
    )
    asgi_lifespan: Literal["auto", "on", "off"] = setting(
        "auto",
        "--asgi-lifespan",
        kind=choice("auto", "on", "off"),
        meaning="Whether lifespan events are sent; auto asks, and serves an application that knows none without.",
    )
    asgi_concurrency: int = setting(
        0,
        "--asgi-concurrency",
        kind=COUNT,
        check=at_least(0),
        meaning="How many requests one asgi worker takes on at the same time; further ones get 503. 0 is any number.",
        why="Off: worker_connections bounds them already, and what is too many only a measurement tells.",
    )
    asgi_disconnect_grace_period: float = setting(
        3.0,
        "--asgi-disconnect-grace-period",
        kind=SECONDS,
        meaning="How long the application may go on after its client has left, or closed its own half.",
    )
    root_path: str = setting(
        "", "--root-path", kind=TEXT, meaning="ASGI root_path: where the proxy mounts the application."
    )


@dataclass(frozen=True, kw_only=True)
class Http2:
    """HTTP/2."""

    http_protocols: tuple[Literal["h1", "h2"], ...] = setting(
        ("h1",),
        "--http-protocols",
        kind=several("h1,h2", VERSION.parse),
        meaning="Protocols offered to TLS clients (ALPN), the preferred first.",
    )
    http2_cleartext: Literal["off", "prior-knowledge", "upgrade", "both"] = setting(
        "off",
        "--http2-cleartext",
        kind=choice(
            "off",
            "prior-knowledge",
            "upgrade",
            "both",
            aliases={True: "prior-knowledge", "true": "prior-knowledge", False: "off", "false": "off", None: "off"},
        ),
        meaning="HTTP/2 without TLS, from believed proxies only.",
    )
    http2_max_concurrent_streams: int = setting(
        100,
        "--http2-max-concurrent-streams",
        kind=COUNT,
        check=between(1, 2**31 - 1),
        meaning="Most requests at once on one connection.",
    )
    http2_initial_window_size: int = setting(
        65535,
        "--http2-initial-window-size",
        kind=OCTETS,
        check=between(0, 2**31 - 1),
        meaning="Bytes a client may send on a stream before it is told to go on.",
    )
    http2_max_frame_size: int = setting(
        16384,
        "--http2-max-frame-size",
        kind=OCTETS,
        check=between(16384, 2**24 - 1),
        meaning="Largest frame in bytes.",
    )
    http2_max_header_list_size: int = setting(
        65536,
        "--http2-max-header-list-size",
        kind=OCTETS,
        check=at_least(0),
        meaning="Largest list of fields in bytes, uncompressed; 0 is no limit.",
    )
