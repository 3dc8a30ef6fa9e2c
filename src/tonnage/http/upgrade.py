"""The opening handshake of a WebSocket (RFC 6455 4.2): may it be, and the 101 that opens it.

Needs the package `websockets`, so a worker imports it when the first client asks. Extensions are negotiated, key and
version are judged by that package; the head itself was judged as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from tonnage.errors import LocalProtocolError, RemoteProtocolError
from tonnage.http import write
from tonnage.http.head import RequestHead
from tonnage.http.websocket import QUIET, WebSocket

VERSION = b"13"
DEFLATE = ServerPerMessageDeflateFactory(  # 32 KiB for each connection; zlib's own sizes would be 300
    server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
)


@dataclass(frozen=True, slots=True)
class Opening:
    """A handshake that we are ready to complete, once the application accepts."""

    websocket: WebSocket
    subprotocols: tuple[str, ...]  # that the client offers, its favourite first
    answer: tuple[bytes, ...]  # our lines of the 101


def open_(head: RequestHead, *, deflate: bool, most: int) -> Opening:
    """Raise RemoteProtocolError if this cannot become a WebSocket. `most`: octets of a message, 0 for no limit."""
    if head.has_body:
        raise RemoteProtocolError("a WebSocket handshake with content")
    versions = [field.value for field in head.fields if field.name == b"sec-websocket-version"]
    if len(versions) == 1 and versions[0] != VERSION:
        raise RemoteProtocolError("the client asks for another version of the WebSocket protocol", status=426)
    protocol = ServerProtocol(
        state=OPEN, extensions=[DEFLATE] if deflate else None, max_size=most or None, logger=QUIET
    )
    headers = Headers([(field.name.decode("ascii"), field.text) for field in head.fields])
    try:
        accept, extensions, _ = protocol.process_request(Request(head.target.decode("ascii"), headers))
    except InvalidHandshake as exc:
        raise RemoteProtocolError(f"this is no WebSocket handshake: {exc}") from exc
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
        % accept.encode()
    ]
    if extensions is not None:
        lines.append(b"Sec-WebSocket-Extensions: %b\r\n" % extensions.encode())
    return Opening(WebSocket(protocol, most), subprotocols(head), tuple(lines))


def subprotocols(head: RequestHead) -> tuple[str, ...]:
    """Names of subprotocols are case-sensitive, unlike most lists."""
    values = [field.text for field in head.fields if field.name == b"sec-websocket-protocol"]
    return tuple(name for value in values for part in value.split(",") if (name := part.strip()))


def switch(opening: Opening, subprotocol: str | None, fields: Sequence[tuple[str, str]], date: bytes) -> bytes:
    """The 101. LocalProtocolError if the application gave what it cannot hold; nothing has changed then."""
    lines = list(opening.answer)
    if subprotocol is not None:
        if subprotocol not in opening.subprotocols:
            offered = ", ".join(opening.subprotocols) or "none"
            raise LocalProtocolError(
                f"the subprotocol {subprotocol!r} was not offered by the client (it offers {offered})"
            )
        lines.append(b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol.encode("latin-1"))
    for name, _ in fields:
        if name.lower().startswith("sec-websocket-"):
            raise LocalProtocolError(f"the field {name} is the server's; a subprotocol is accepted by `subprotocol`")
    _, flags = write.collect(fields, lines)
    if not flags & write.SERVER:
        lines.append(b"Server: tonnage\r\n")
    if not flags & write.DATE:
        lines.append(date)
    return b"".join([*lines, b"\r\n"])
