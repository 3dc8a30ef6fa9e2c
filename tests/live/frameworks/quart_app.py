"""Quart, as its users write it; what each path does is in __init__.py."""

import asyncio
import hashlib
from pathlib import Path

from gates import pass_gate
from pieces import lines, without_end
from quart import Quart, Response, jsonify, request, websocket

app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024 * 1024
app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 60  # a slow machine is no reason to give one up
state = {}


@app.before_serving
async def start():
    state["greeting"] = "hello"


@app.after_serving
async def stop():
    Path("shut-down").touch()


@app.get("/told/<name>")
async def told(name):
    return jsonify(path=f"/told/{name}", query=request.args.to_dict(), state=state["greeting"])


@app.post("/upload")
async def upload():
    file = (await request.files)["file"]
    content = file.read()
    return jsonify(name=file.filename, length=len(content), sha256=hashlib.sha256(content).hexdigest())


@app.put("/raw")
async def raw():
    digest, length = hashlib.sha256(), 0
    async for piece in request.body:
        digest.update(piece)
        length += len(piece)
    return jsonify(length=length, sha256=digest.hexdigest())


@app.get("/stream/<int:count>")
async def stream(count):
    return Response(lines(count), mimetype="text/plain")


@app.get("/endless")
async def endless():
    response = Response(without_end(), mimetype="text/plain")
    response.timeout = None
    return response


@app.get("/background")
async def background():
    """Quart waits for its tasks when it is shut down."""

    async def task():
        await asyncio.to_thread(pass_gate, "background")
        Path("done").touch()

    app.add_background_task(task)
    return Response("at once\n", mimetype="text/plain")


@app.get("/error")
async def error():
    raise RuntimeError("meant to happen")


@app.websocket("/echo")
async def echo():
    await websocket.accept(subprotocol=next(iter(websocket.requested_subprotocols), None))
    try:
        while (message := await websocket.receive()) != "close":
            await websocket.send(message)
    except asyncio.CancelledError:  # how Quart tells that the client has left; it does not tell the code
        Path("closed").write_text("1000")
        raise
    await websocket.close(4001, "as asked")


@app.websocket("/refuse")
async def refuse():
    await websocket.close(1000)
