"""An ASGI application of WebSockets, one by path, and a raw client that says exactly the octets it is told to."""

import base64
from dataclasses import dataclass, field
from functools import partial

from websockets.sync import client

from tests.live.server import PATIENCE_S, Running
from tests.live.wire import Wire, request

connect = partial(client.connect, open_timeout=PATIENCE_S, close_timeout=PATIENCE_S)

APP = '''
import asyncio, json, os

SENT = {"messages": 0, "heard": 0}

async def http(scope, receive, send):
    if scope["path"] == "/facts":
        facts = {"tasks": len(asyncio.all_tasks()), "fds": len(os.listdir("/proc/self/fd")), "pid": os.getpid(), **SENT}
    else:
        facts = {}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(facts).encode()})

async def echo(scope, receive, send):
    await send({"type": "websocket.accept", "headers": [(b"x-worker", str(os.getpid()).encode())]})
    while (event := await receive())["type"] == "websocket.receive":
        try:
            await send({**event, "type": "websocket.send"})
        except OSError:
            pass  # closed meanwhile: how is told next
    print("left", event["code"], repr(event["reason"]), "end", flush=True)

async def listens(scope, receive, send):
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        print("heard", event["text"], flush=True)
    print("left", event["code"], repr(event["reason"]), "end", flush=True)

async def scope(scope, receive, send):
    await send({"type": "websocket.accept"})
    told = {name: value for name, value in scope.items() if name not in ("headers", "state")}
    await send({"type": "websocket.send", "text": json.dumps(told, default=repr)})
    await receive()

async def chosen(scope, receive, send):
    await send({"type": "websocket.accept", "subprotocol": "chat"})
    await receive()

async def refused(scope, receive, send):
    await send({"type": "websocket.close", "code": 1008})
    assert (await receive())["type"] == "websocket.disconnect"
    print("refused, and told so", flush=True)

async def denied(scope, receive, send):
    start = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"www-authenticate", b"Basic")]}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": b"who ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"are you?"})

async def denied_in_part(scope, receive, send):
    await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b"who ", "more_body": True})

async def denied_and_stuck(scope, receive, send):
    await denied_in_part(scope, receive, send)
    await asyncio.Event().wait()

async def denied_slowly(scope, receive, send):
    await denied_in_part(scope, receive, send)
    for _ in range(24):
        await asyncio.sleep(0.25)
        await send({"type": "websocket.http.response.body", "body": b"are ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"you?"})

async def raises_before(scope, receive, send):
    raise RuntimeError("before accept")

async def raises_after(scope, receive, send):
    await send({"type": "websocket.accept"})
    raise RuntimeError("after accept")

async def returns_before(scope, receive, send):
    pass

async def returns_after(scope, receive, send):
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "last words"})

async def closes(scope, receive, send):
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4001, "reason": "enough"})
    event = await receive()
    print("closed with", event["code"], event["reason"], flush=True)

async def sends_after_close(scope, receive, send):
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close"})
    await send({"type": "websocket.send", "text": "x"})

async def stuck(scope, receive, send):
    await asyncio.Event().wait()

async def floods(scope, receive, send):
    await send({"type": "websocket.accept"})
    try:
        for SENT["messages"] in range(1, 20_001):
            await send({"type": "websocket.send", "bytes": bytes(65536)})
    except OSError as exc:
        print("could not send:", type(exc).__name__, flush=True)
        raise

async def deaf(scope, receive, send):
    await send({"type": "websocket.accept"})
    await asyncio.Event().wait()

async def forgets(scope, receive, send):
    """Goes on when its client has left."""
    await send({"type": "websocket.accept"})
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        print("was cancelled", flush=True)
        raise

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    if scope["type"] == "http":
        await http(scope, receive, send)
        return
    assert (await receive()) == {"type": "websocket.connect"}
    await globals()[scope["path"].strip("/")](scope, receive, send)
'''

KEY = base64.b64encode(bytes(16)).decode()
FIELDS = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
)


@dataclass
class Talk:
    """One WebSocket after its 101; frames as (first octet, payload)."""

    wire: Wire
    head: bytes
    _octets: bytearray = field(default_factory=bytearray)

    def send(self, *frames: bytes) -> None:
        self.wire.send(b"".join(frames))

    def read(self) -> tuple[int, bytes] | None:
        """The next frame; None at the end of the stream."""
        head = self._take(2)
        if not head:
            return None
        size = head[1]
        if size > 125:
            size = int.from_bytes(self._take(2 if size == 126 else 8))
        return head[0], self._take(size)

    def _take(self, count: int) -> bytes:
        while len(self._octets) < count:
            data = self.wire.receive()
            if not data:
                assert not self._octets, f"the stream ended within a frame: {bytes(self._octets)!r}"
                return b""
            self._octets += data
        taken = bytes(self._octets[:count])
        del self._octets[:count]
        return taken


def talk(server: Running, path: str = "/echo", *fields: tuple[str, str], first: bytes = b"") -> Talk:
    """`first`: sent in one packet with the handshake."""
    wire = server.connect()
    wire.send(request("GET", path, [*FIELDS, *fields]) + first)
    head = wire.until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    return Talk(wire, head)


def asked(server: Running, path: str, *fields: tuple[str, str]) -> Wire:
    wire = server.connect()
    wire.send(request("GET", path, [*FIELDS, *fields]))
    return wire


def uri(server: Running, path: str = "/echo") -> str:
    return f"{server.urls[0].replace('http', 'ws', 1)}{path}"
