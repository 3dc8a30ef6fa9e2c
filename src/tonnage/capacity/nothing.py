"""Applications that do nothing: what a request costs with them is the server's part, and the measuring client's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

FIELDS = [("Content-Type", "text/plain"), ("Content-Length", "2")]
Event = Mapping[str, object]


def wsgi(environ: Mapping[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:  # noqa: ARG001  # PEP 3333
    start_response("200 OK", FIELDS)
    return (b"ok",)


async def asgi(scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    fields = [(name.lower().encode(), value.encode()) for name, value in FIELDS]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"ok"})
