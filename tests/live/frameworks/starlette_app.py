"""Starlette, as its users write it; what each path does is in __init__.py."""

import contextlib
import hashlib
from pathlib import Path

import anyio
from gates import pass_gate
from pieces import lines, without_end
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute


@contextlib.asynccontextmanager
async def lifespan(_app):
    yield {"greeting": "hello"}
    Path("shut-down").touch()


async def told(request):
    query = dict(request.query_params)
    return JSONResponse({"path": request.url.path, "query": query, "state": request.state.greeting})


async def upload(request):
    async with request.form() as form:
        content = await form["file"].read()
        name = form["file"].filename
    return JSONResponse({"name": name, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()})


async def raw(request):
    digest, length = hashlib.sha256(), 0
    async for piece in request.stream():
        digest.update(piece)
        length += len(piece)
    return JSONResponse({"length": length, "sha256": digest.hexdigest()})


async def stream(request):
    return StreamingResponse(lines(request.path_params["count"]), media_type="text/plain")


async def endless(_request):
    return StreamingResponse(without_end(), media_type="text/plain")


async def background(_request):
    async def task():
        await anyio.to_thread.run_sync(pass_gate, "background")
        Path("done").touch()

    return PlainTextResponse("at once\n", background=BackgroundTask(task))


async def error(_request):
    raise RuntimeError("meant to happen")


async def echo(socket):
    await socket.accept(subprotocol=next(iter(socket.scope["subprotocols"]), None))
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("text") == "close":
            await socket.close(4001, "as asked")
            return
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])
    Path("closed").write_text(str(message["code"]))


async def refuse(socket):
    await socket.close()


app = Starlette(
    routes=[
        Route("/told/{name}", told),
        Route("/upload", upload, methods=["POST"]),
        Route("/raw", raw, methods=["PUT"]),
        Route("/stream/{count:int}", stream),
        Route("/endless", endless),
        Route("/background", background),
        Route("/error", error),
        WebSocketRoute("/echo", echo),
        WebSocketRoute("/refuse", refuse),
    ],
    lifespan=lifespan,
)
