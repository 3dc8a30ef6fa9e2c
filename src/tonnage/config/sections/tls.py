from __future__ import annotations

from dataclasses import dataclass

from tonnage.config.kinds import COUNT, MAYBE, PATH, SWITCH
from tonnage.config.setting import Kind, between, setting


@dataclass(frozen=True, kw_only=True)
class Tls:
    """TLS."""

    certfile: str | None = setting(None, "--certfile", kind=PATH, meaning="The certificate chain, PEM. Turns TLS on.")
    keyfile: str | None = setting(None, "--keyfile", kind=PATH, meaning="The certificate's private key, PEM.")
    ca_certs: str | None = setting(
        None, "--ca-certs", kind=PATH, meaning="Authorities that client certificates must come from, PEM."
    )
    cert_reqs: int = setting(
        0,
        "--cert-reqs",
        kind=COUNT,
        check=between(0, 2),
        meaning="Client certificates: 0 not asked for, 1 optional, 2 required.",
    )
    ciphers: str | None = setting(None, "--ciphers", kind=MAYBE, meaning="Allowed ciphers, in OpenSSL's notation.")
    ssl_version: str | None = setting(
        None,
        "--ssl-version",
        kind=Kind("NAME", lambda raw: None if raw is None else str(raw)),
        meaning="Protocol version.",
    )
    suppress_ragged_eofs: bool = setting(
        True,
        "--suppress-ragged-eofs",
        kind=SWITCH,
        meaning="Take a connection that ends without TLS's goodbye for a normal end.",
    )
    do_handshake_on_connect: bool = setting(
        False, "--do-handshake-on-connect", kind=SWITCH, meaning="Shake hands at once, not at the first read."
    )
