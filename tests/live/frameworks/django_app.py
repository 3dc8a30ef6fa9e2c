"""Django with async views, and Channels for WebSockets, in one file; what each path does is in __init__.py."""

import hashlib
from pathlib import Path

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from pieces import lines, without_end

settings.configure(
    SECRET_KEY="for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["channels"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=64 * 1024 * 1024,
)

from django.core.asgi import get_asgi_application  # noqa: E402 -- Django wants its settings first
from django.http import JsonResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


async def told(request, name):
    query = request.GET.dict()
    return JsonResponse({"path": f"/told/{name}", "query": query, "state": "hello"})


async def upload(request):
    file = request.FILES["file"]
    digest, length = hashlib.sha256(), 0
    for piece in file.chunks():
        digest.update(piece)
        length += len(piece)
    return JsonResponse({"name": file.name, "length": length, "sha256": digest.hexdigest()})


async def raw(request):
    return JsonResponse({"length": len(request.body), "sha256": hashlib.sha256(request.body).hexdigest()})


async def stream(_request, count):
    return StreamingHttpResponse(lines(count), content_type="text/plain")


async def endless(_request):
    return StreamingHttpResponse(without_end(), content_type="text/plain")


async def error(_request):
    raise RuntimeError("meant to happen")


urlpatterns = [
    path("told/<str:name>", told),
    path("upload", upload),
    path("raw", raw),
    path("stream/<int:count>", stream),
    path("endless", endless),
    path("error", error),
]


class Echo(AsyncWebsocketConsumer):
    async def connect(self):
        await self.accept(next(iter(self.scope["subprotocols"]), None))

    async def receive(self, text_data=None, bytes_data=None):
        if text_data == "close":
            await self.close(4001, "as asked")
        else:
            await self.send(text_data, bytes_data)

    async def disconnect(self, code):
        Path("closed").write_text(str(code))


class Refuse(AsyncWebsocketConsumer):
    async def connect(self):
        await self.close()


sockets = URLRouter([path("echo", Echo.as_asgi()), path("refuse", Refuse.as_asgi())])
app = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": sockets})
