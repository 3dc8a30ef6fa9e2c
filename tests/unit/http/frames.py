"""Frames as clients make them, rightly or not: every bit can be chosen."""

import zlib

from websockets.server import ServerProtocol

from tonnage.http.websocket import WebSocket

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x12\x34\xab\xcd"


def frame(
    opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True, length: int | None = None
) -> bytes:
    """`length`: another one than that of the data."""
    size = len(data) if length is None else length
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = bytes((first, mask_bit | size))
    elif size < 65536:
        head = bytes((first, mask_bit | 126)) + size.to_bytes(2)
    else:
        head = bytes((first, mask_bit | 127)) + size.to_bytes(8)
    return head + (MASK + unmask(data) if masked else data)


def unmask(data: bytes, mask: bytes = MASK) -> bytes:
    return bytes(octet ^ mask[i % 4] for i, octet in enumerate(data))


def text(message: str) -> bytes:
    return frame(TEXT, message.encode())


def close(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, code.to_bytes(2) + reason.encode())


def deflate(data: bytes) -> bytes:
    """RFC 7692 7.2.1, for one message."""
    made = zlib.compressobj(wbits=-12)
    return (made.compress(data) + made.flush(zlib.Z_SYNC_FLUSH))[:-4]


def read(data: bytes) -> list[tuple[int, bytes]]:
    """What a server sent, as (first octet, payload), whole frames."""
    found = []
    while data:
        size, at = data[1], 2
        assert size < 128, "a server's frame is masked"
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at])
        assert len(data) >= at + size, "half a frame"
        found.append((data[0], data[at : at + size]))
        data = data[at + size :]
    return found


def close_of(code: int, reason: str = "") -> tuple[int, bytes]:
    return 0x80 | CLOSE, code.to_bytes(2) + reason.encode()


def opened(most: int = 1 << 20, *, deflated: bool = False) -> WebSocket:
    from websockets.protocol import OPEN

    from tonnage.http.upgrade import DEFLATE

    protocol = ServerProtocol(state=OPEN, max_size=most or None)
    if deflated:
        protocol.extensions = [DEFLATE.process_request_params([("client_max_window_bits", None)], [])[1]]
    return WebSocket(protocol, most)
