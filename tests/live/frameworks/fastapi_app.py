"""FastAPI, as its users write it; what each path does is in __init__.py."""

import contextlib
import hashlib
from pathlib import Path
from typing import Annotated

from fastapi import BackgroundTasks, FastAPI, Request, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse, StreamingResponse
from gates import pass_gate
from pieces import lines, without_end
from pydantic import BaseModel


@contextlib.asynccontextmanager
async def lifespan(_app):
    yield {"greeting": "hello"}
    Path("shut-down").touch()


class Told(BaseModel):
    path: str
    query: dict[str, str]
    state: str


app = FastAPI(lifespan=lifespan)


@app.get("/told/{name}")
async def told(name: str, request: Request) -> Told:
    return Told(path=f"/told/{name}", query=dict(request.query_params), state=request.state.greeting)


@app.post("/upload")
async def upload(file: UploadFile):
    content = await file.read()
    return {"name": file.filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@app.put("/raw")
async def raw(request: Request):
    digest, length = hashlib.sha256(), 0
    async for piece in request.stream():
        digest.update(piece)
        length += len(piece)
    return {"length": length, "sha256": digest.hexdigest()}


@app.get("/stream/{count}")
async def stream(count: int):
    return StreamingResponse(lines(count), media_type="text/plain")


@app.get("/endless")
async def endless():
    return StreamingResponse(without_end(), media_type="text/plain")


@app.get("/background", response_class=PlainTextResponse)
def background(tasks: BackgroundTasks):
    """A function, not a coroutine: FastAPI runs it, and its task, in a thread."""

    def task():
        pass_gate("background")
        Path("done").touch()

    tasks.add_task(task)
    return "at once\n"


@app.get("/error")
async def error():
    raise RuntimeError("meant to happen")


@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept(subprotocol=next(iter(socket.scope["subprotocols"]), None))
    try:
        while True:
            message = await socket.receive()
            if message.get("text") == "close":
                await socket.close(4001, "as asked")
                return
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            if message.get("text") is not None:
                await socket.send_text(message["text"])
            else:
                await socket.send_bytes(message["bytes"])
    except WebSocketDisconnect as exc:
        Path("closed").write_text(str(exc.code))


@app.websocket("/refuse")
async def refuse(socket: WebSocket, token: Annotated[str | None, "never given"] = None):
    if token is None:
        await socket.close()
