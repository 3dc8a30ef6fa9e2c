"""The right answer to a request: what the application gives when Python calls it, without any server.

Run by itself, so that no application is imported into the process that measures:
`python -m bench.reference INTERFACE APP PATH OCTETS`.
"""

import asyncio
import importlib
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import setup_testing_defaults

from .cases import BROWSER, Interface


def answer(app: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]], target: str, content: int) -> bytes:
    path, _, query = target.partition("?")
    environ: WSGIEnvironment = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "127.0.0.1"}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in BROWSER.items()}
    if content:
        environ |= {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(content), "wsgi.input": io.BytesIO(b"x" * content)}
    setup_testing_defaults(environ)
    return b"".join(app(environ, lambda *_: lambda _: None))


def answer_asgi(app: Callable[..., Awaitable[None]], target: str, content: int) -> bytes:
    path, _, query = target.partition("?")
    fields = [(name.lower().encode(), value.encode()) for name, value in {"Host": "127.0.0.1", **BROWSER}.items()]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
    }
    scope |= {"method": "POST" if content else "GET", "headers": fields, "state": {}}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": query.encode()}
    pieces: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * content}

    async def send(event: dict[str, Any]) -> None:
        pieces.append(event.get("body", b""))

    async def call() -> None:
        await app(scope, receive, send)

    asyncio.run(call())
    return b"".join(pieces)


def main() -> None:
    interface, place, target, content = sys.argv[1:]
    module, _, name = place.partition(":")
    application = getattr(importlib.import_module(module), name)
    call = answer_asgi if interface == Interface.ASGI else answer
    sys.stdout.buffer.write(call(application, target, int(content)))


if __name__ == "__main__":
    main()
