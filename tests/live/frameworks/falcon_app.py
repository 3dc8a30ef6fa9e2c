"""Falcon, as its users write it; what each path does is in __init__.py."""

import hashlib
from pathlib import Path

import falcon
import falcon.asgi
from falcon import WebSocketDisconnected
from falcon.media import MultipartFormHandler
from pieces import lines, without_end

state = {}


class Lifespan:
    async def process_startup(self, _scope, _event):
        state["greeting"] = "hello"

    async def process_shutdown(self, _scope, _event):
        Path("shut-down").touch()


class Told:
    async def on_get(self, req, resp, name):
        resp.media = {"path": f"/told/{name}", "query": req.params, "state": state["greeting"]}


class Upload:
    async def on_post(self, req, resp):
        async for part in await req.get_media():
            content = await part.stream.read()
            name, digest = part.secure_filename, hashlib.sha256(content).hexdigest()
            resp.media = {"name": name, "length": len(content), "sha256": digest}


class Raw:
    async def on_put(self, req, resp):
        digest, length = hashlib.sha256(), 0
        async for piece in req.stream:
            digest.update(piece)
            length += len(piece)
        resp.media = {"length": length, "sha256": digest.hexdigest()}


class Stream:
    async def on_get(self, _req, resp, count):
        resp.content_type, resp.stream = "text/plain", (line.encode() async for line in lines(count))


class Endless:
    async def on_get(self, _req, resp):
        resp.content_type, resp.stream = "text/plain", without_end()


class Error:
    async def on_get(self, _req, _resp):
        raise RuntimeError("meant to happen")


class Echo:
    async def on_websocket(self, req, socket):
        await socket.accept(next(iter(socket.subprotocols), None))
        try:
            while True:
                message = await socket.receive_text() if "text" in req.params else await socket.receive_data()
                if message == "close":
                    await socket.close(4001, "as asked")
                    return
                await (socket.send_text if isinstance(message, str) else socket.send_data)(message)
        except WebSocketDisconnected as exc:
            Path("closed").write_text(str(exc.code))


class Refuse:
    async def on_websocket(self, _req, socket):
        await socket.close()


app = falcon.asgi.App(middleware=[Lifespan()])
form = MultipartFormHandler()
form.parse_options.max_body_part_buffer_size = 64 * 1024 * 1024
app.req_options.media_handlers[falcon.MEDIA_MULTIPART] = form
app.add_route("/told/{name}", Told())
app.add_route("/upload", Upload())
app.add_route("/raw", Raw())
app.add_route("/stream/{count:int}", Stream())
app.add_route("/endless", Endless())
app.add_route("/error", Error())
app.add_route("/echo", Echo())
app.add_route("/refuse", Refuse())
