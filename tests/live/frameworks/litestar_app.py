"""Litestar, as its users write it; what each path does is in __init__.py."""

import asyncio
import contextlib
import hashlib
from pathlib import Path
from typing import Annotated

from gates import pass_gate
from litestar import Litestar, Request, WebSocket, get, post, put, websocket
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Response, Stream
from pieces import lines, without_end


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.greeting = "hello"
    yield
    Path("shut-down").touch()


@get("/told/{name:str}")
async def told(name: str, request: Request) -> dict:
    query = dict(request.query_params)
    return {"path": f"/told/{name}", "query": query, "state": request.app.state.greeting}


@post("/upload", status_code=200, request_max_body_size=None)
async def upload(data: Annotated[UploadFile, Body(media_type=RequestEncodingType.MULTI_PART)]) -> dict:
    content = await data.read()
    return {"name": data.filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@put("/raw", request_max_body_size=None)
async def raw(request: Request) -> dict:
    digest, length = hashlib.sha256(), 0
    async for piece in request.stream():
        digest.update(piece)
        length += len(piece)
    return {"length": length, "sha256": digest.hexdigest()}


@get("/stream/{count:int}")
async def stream(count: int) -> Stream:
    return Stream(lines(count), media_type="text/plain")


@get("/endless")
async def endless() -> Stream:
    return Stream(without_end(), media_type="text/plain")


@get("/background")
async def background() -> Response[str]:
    async def task():
        await asyncio.to_thread(pass_gate, "background")
        Path("done").touch()

    return Response("at once\n", media_type="text/plain", background=BackgroundTask(task))


@get("/error")
async def error() -> None:
    raise RuntimeError("meant to happen")


@websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept(subprotocols=next(iter(socket.scope["subprotocols"]), None))
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("text") == "close":
            await socket.close(4001, "as asked")
            return
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])
    Path("closed").write_text(str(message["code"]))


@websocket("/refuse")
async def refuse(socket: WebSocket) -> None:
    await socket.close()


app = Litestar(
    [told, upload, raw, stream, endless, background, error, echo, refuse], lifespan=[lifespan], openapi_config=None
)
