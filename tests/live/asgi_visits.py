"""What a browser, a WebSocket client and a bare socket do with the applications of frameworks/, and what they got.

Transcripts, which have to be the same whichever server is asked.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.live.server import PATIENCE_S
from tests.live.talkers import connect
from tests.live.wire import Reply, Wire, parse_address, request

OF_THE_SERVER = {
    "date",
    "server",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
}  # framing is its choice
LAST = {"Connection": "close"}  # uvicorn closes after an error, said or not: the next request could meet the end
UPLOAD = bytes(range(256)) * 4096 * 5  # 5 MiB
PIECE = 100_000


@dataclass(frozen=True, slots=True)
class Got:
    """One answer, without what is the server's own."""

    asked: str
    status: int
    fields: tuple[tuple[str, str], ...]
    content: bytes


def visit(url: str) -> list[Got]:
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
        return [
            _got("told", client.get("/told/K%C3%B6ln", params={"a": "1", "b": "ä+&="})),
            _got("upload", client.post("/upload", files={"file": ("ship.bin", UPLOAD, "application/x-ship")})),
            _got("raw", client.put("/raw", content=UPLOAD)),
            _got("raw, chunked", client.put("/raw", content=_pieces())),
            _got("stream", client.get("/stream/1000")),
            _got("stream of nothing", client.get("/stream/0")),
            _got("not found", client.get("/nowhere")),
            _got("not allowed", client.delete("/told/x")),
            _got("error", client.get("/error", headers=LAST)),
            _got("after an error", client.get("/told/again")),
        ]


def _pieces() -> Iterator[bytes]:
    for start in range(0, len(UPLOAD), PIECE):
        yield UPLOAD[start : start + PIECE]


def _got(asked: str, response: httpx.Response) -> Got:
    return Got(asked, response.status_code, _comparable(response.headers.multi_items()), response.content)


def _comparable(fields: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name.lower(), value) for name, value in fields if name.lower() not in OF_THE_SERVER))


def is_right(got: Got) -> bool:
    """For what is not the framework's business: what was sent has arrived."""
    return got.status == 200 and hashlib.sha256(UPLOAD).hexdigest().encode() in got.content


def visit_raw(url: str) -> list[Got]:
    """Three requests at once, and one that comes octet by octet, on one connection."""
    with Wire(parse_address(url), PATIENCE_S) as wire:
        names = ("one", "two", "three")
        wire.send(b"".join(request("GET", f"/told/{name}") for name in names))
        answers = [_told(name, wire.reply()) for name in names]
        for octet in request("PUT", "/raw", body=b"slowly"):
            wire.send(bytes([octet]))
        answers.append(_told("octets", wire.reply()))
        wire.send(request("GET", "/stream/3", [("Connection", "close")]))
        answers.append(_told("the last", wire.reply()))
        assert wire.at_end()
    return answers


def _told(asked: str, reply: Reply) -> Got:
    return Got(asked, reply.status, _comparable(reply.fields), reply.body)


def converse(url: str, path: str) -> list[object]:
    """One WebSocket after the other; what was heard, in order."""
    heard: list[object] = []
    with connect(web_socket(url, path), subprotocols=[Subprotocol("chat"), Subprotocol("other")]) as socket:
        heard.append(socket.subprotocol)
        for message in ("hello", "Grüße", "", "x" * 70_000):
            socket.send(message)
            heard.append(socket.recv(PATIENCE_S))
        heard.append(socket.ping().wait(PATIENCE_S))
        socket.send(["in ", "three ", "pieces"])
        heard.append(socket.recv(PATIENCE_S))
        socket.send("close")
        heard.append(_end(socket.recv))
    try:
        connect(web_socket(url, "/refuse"))
    except InvalidStatus as exc:
        heard.append(exc.response.status_code)
    return heard


def converse_in_octets(url: str) -> list[object]:
    with connect(web_socket(url, "/echo")) as socket:
        socket.send(UPLOAD[:300_000])
        return [socket.subprotocol, socket.recv(PATIENCE_S)]


def web_socket(url: str, path: str) -> str:
    return f"ws{url.removeprefix('http')}{path}"


def _end(receive: object) -> object:
    assert callable(receive)
    try:
        return receive(PATIENCE_S)
    except ConnectionClosed as exc:
        return (exc.rcvd.code, exc.rcvd.reason) if exc.rcvd else None
