from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tonnage.config.kinds import NETWORKS, choice, mapping
from tonnage.config.setting import Kind, setting

LOCAL = ("127.0.0.1", "::1")


def markers(raw: object) -> Mapping[str, str]:
    return {name.upper(): str(value) for name, value in mapping(raw).items()}


@dataclass(frozen=True, kw_only=True)
class Proxies:
    """Behind a proxy."""

    forwarded_allow_ips: tuple[str, ...] = setting(
        LOCAL,
        "--forwarded-allow-ips",
        kind=NETWORKS,
        variable="FORWARDED_ALLOW_IPS",
        empty=True,
        meaning="Proxies to believe: addresses, networks, or * for every peer. Unix sockets' peers always are.",
    )
    secure_scheme_headers: Mapping[str, str] = setting(
        {"X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on"},
        kind=Kind("JSON", markers),
        meaning="Fields, and their values, by which a believed proxy says that the client came over https.",
    )
    proxy_protocol: Literal["off", "v1", "v2", "auto"] = setting(
        "off",
        "--proxy-protocol",
        kind=choice(
            "off", "v1", "v2", "auto", aliases={True: "auto", "true": "auto", False: "off", "false": "off", None: "off"}
        ),
        bare="auto",
        meaning="Take the client's address from a PROXY header in front of the request.",
    )
    proxy_allow_ips: tuple[str, ...] = setting(
        LOCAL,
        "--proxy-allow-from",
        kind=NETWORKS,
        meaning="Who may send PROXY headers.",
    )
    protocol: Literal["http", "uwsgi"] = setting(
        "http",
        "--protocol",
        kind=choice("http", "uwsgi"),
        meaning="What is spoken on the listeners: http, or nginx's uwsgi_pass.",
    )
    uwsgi_allow_ips: tuple[str, ...] = setting(
        LOCAL,
        "--uwsgi-allow-from",
        kind=NETWORKS,
        meaning="Who may speak uwsgi.",
    )
