"""A worker's first request, made by itself, before it says that it is ready.

It finds what an import does not: a missing migration, a wrong password, a template that is not there.
"""

from __future__ import annotations

import io

from tonnage.app import asgi
from tonnage.app.environ import Gateway, fill
from tonnage.app.load import Application
from tonnage.app.wsgi import Call, ResponseFields
from tonnage.errors import BootError
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.http.limits import Limits, Policy

AFTER = {  # what follows when it is sent
    asgi.WHOLE: asgi.DONE, asgi.PART: asgi.CONTENT, asgi.LAST_PART: asgi.TRAILERS, asgi.LAST: asgi.DONE,
    asgi.FILE: asgi.DONE,
}  # fmt: skip


class Answer:
    """A Sink that remembers the status and the first octets, and takes the rest without keeping it."""

    wants_content = True
    takes_files = False

    def __init__(self) -> None:
        self.status = ""
        self.content = b""

    def whole(self, status: str, _fields: ResponseFields, content: bytes) -> None:
        self.status = status
        self.send(content)

    def start(self, status: str, _fields: ResponseFields, _length: int | None) -> None:
        self.status = status

    def send(self, data: bytes) -> None:
        self.content += data[: max(0, 200 - len(self.content))]

    def send_file(self, fd: int, offset: int, count: int) -> None:
        """Not offered."""

    def finish(self) -> None:
        """Nobody waits."""


class Heard:
    """The same for ASGI."""

    def __init__(self) -> None:
        self.conversation = asgi.Conversation()
        self.content = b""

    async def receive(self) -> asgi.Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: asgi.Message) -> None:
        conversation = self.conversation
        step = conversation.hear(message)
        if step in AFTER:
            conversation.stage = AFTER[step]
            self.content += conversation.content[: max(0, 200 - len(self.content))]


def ask(application: Application, path: str, gateway: Gateway) -> None:
    """Raises BootError unless `GET path` is answered with a status below 500."""
    environ = gateway.template()
    fill(environ, _request(path), io.BytesIO(), ("127.0.0.1", 0))
    del environ["wsgi.early_hints"]  # nobody is there to hear them
    answer = Answer()
    try:
        Call(answer).run(application, environ)
    except BaseException as exc:  # whatever it is, it is no answer
        raise _raised(path, exc) from exc
    _judge(path, answer.status, answer.content)


async def ask_asgi(application: asgi.Application, path: str, mount: asgi.Mount, state: dict[str, object]) -> None:
    head = _request(path)
    told = asgi.tell(head, mount, mount.template(), ("127.0.0.1", 0), None)
    heard = Heard()
    try:
        await application(asgi.http_scope(head, told, state), heard.receive, heard.send)
    except BaseException as exc:  # whatever it is, it is no answer
        raise _raised(path, exc) from exc
    _judge(path, heard.conversation.status, heard.content)


def _request(path: str) -> RequestHead:
    connection = Connection(Limits(), Policy())
    connection.receive(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: tonnage\r\n\r\n".encode("ascii"))
    head = connection.next()
    assert isinstance(head, RequestHead)
    return head


def _raised(path: str, exc: BaseException) -> BootError:
    return BootError(f"the first request, GET {path} (--health-path), raised {type(exc).__name__}: {exc}")


def _judge(path: str, status: str, content: bytes) -> None:
    if not status or status >= "5":
        said = content.decode("latin-1").strip().split("\n")[0]
        raise BootError(f"the first request, GET {path} (--health-path), was answered with {status}: {said}")
