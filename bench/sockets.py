"""WebSockets as a client sees them that only ever sends one message: RFC 6455, in octets that are made beforehand.

No compression is offered, so the right echo is known to the octet, and the client has nothing to parse.
"""

import base64
import hashlib
import socket

from .cases import Case

PATIENCE_S = 5.0
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455 1.3
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ACCEPT = base64.b64encode(hashlib.sha1(KEY + GUID, usedforsecurity=False).digest())
MASK = b"\x37\xfa\x21\x3d"  # of RFC 6455 5.7; a constant hides nothing, and here there is no proxy to hide it from
MESSAGE = b"the ship is in the harbour, and its cargo is on the quay already"
TEXT = 0x81  # the only frame of a text message

assert len(MESSAGE) < 126, "its length has to fit into the second octet"
QUESTION = bytes([TEXT, 0x80 | len(MESSAGE)]) + MASK + bytes(o ^ MASK[i % 4] for i, o in enumerate(MESSAGE))
ANSWER = bytes([TEXT, len(MESSAGE)]) + MESSAGE


def open_socket(case: Case, port: int) -> socket.socket:
    """Connected and accepted. Raises OSError when it does not come to that."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.sendall(_handshake(case, port))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += _some(sock, 1)  # octet by octet: what follows belongs to the first message
        if not head.startswith(b"HTTP/1.1 101 ") or ACCEPT not in head:
            raise ConnectionRefusedError(f"no WebSocket: {head.splitlines()[0].decode('latin-1')}")
    except OSError:
        sock.close()
        raise
    return sock


def ask(sock: socket.socket) -> None:
    """One message and its echo. Raises OSError."""
    sock.sendall(QUESTION)
    answer = b""
    while len(answer) < len(ANSWER):
        answer += _some(sock, len(ANSWER) - len(answer))
    if answer != ANSWER:
        raise ConnectionAbortedError(f"the echo was {answer[:80]!r}")


def _handshake(case: Case, port: int) -> bytes:
    fields = {
        **{name: value for name, value in case.fields.items() if name != "Connection"},
        "Host": f"127.0.0.1:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": KEY.decode(),
        "Sec-WebSocket-Version": "13",
    }
    return "\r\n".join([f"GET {case.path} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items()), "", ""]).encode()


def _some(sock: socket.socket, most: int) -> bytes:
    data = sock.recv(most)
    if not data:
        raise ConnectionResetError("closed without a word")
    return data
