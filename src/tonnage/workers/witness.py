"""Who is told of each request: the access log, and Gunicorn's hooks pre_request and post_request."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from time import time
from typing import Protocol

from tonnage.app.environ import fill
from tonnage.app.wsgi import Environ, ResponseFields
from tonnage.hooks import RequestHook, ResponseHook, Worker
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.observe.access import AccessLog
from tonnage.observe.exchange import Exchange as Record
from tonnage.workers.client import Peer


class Client(Protocol):
    """Of whatever worker class."""

    @property
    def http(self) -> Connection: ...
    @property
    def peer(self) -> Peer: ...


class Exchange(Protocol):
    """The same."""

    @property
    def client(self) -> Client: ...
    @property
    def head(self) -> RequestHead: ...
    @property
    def environ(self) -> Mapping[str, object] | None: ...  # there is none in ASGI
    @property
    def status(self) -> str: ...
    @property
    def fields(self) -> ResponseFields: ...
    @property
    def sent(self) -> int: ...
    @property
    def service_ns(self) -> int: ...


class Witness(Protocol):
    def answered(self, exchange: Exchange, /) -> None: ...  # on the loop's thread, when the application is done
    def refused(self, client: Client, status: str, sent: int) -> None: ...  # without asking the application


class Request:
    """What a hook sees of a request, by Gunicorn's names."""

    def __init__(self, head: RequestHead) -> None:
        self.method = head.method
        self.uri = head.target.decode("latin-1")
        self.path = head.path.decode("latin-1")
        self.query = head.query.decode("latin-1")
        self.version = (1, head.minor)
        self.headers = [(field.name.decode("latin-1").upper(), field.text) for field in head.fields]


class Response:
    """What a hook sees of a response, by Gunicorn's names."""

    def __init__(self, exchange: Exchange) -> None:
        self.status = exchange.status
        self.status_code = int(exchange.status[:3] or 499)
        self.headers = list(exchange.fields)
        self.sent = exchange.sent


class AccessWitness:
    """One line for each request, the refused ones too."""

    def __init__(self, access: AccessLog) -> None:
        self._access = access

    def answered(self, exchange: Exchange) -> None:
        head, peer = exchange.head, exchange.client.peer
        duration_s = exchange.service_ns / 1e9
        self._access(
            Record(
                head, head.line, exchange.environ, exchange.status or "499", exchange.fields, exchange.sent,
                time() - duration_s, duration_s, peer[0] if peer else "",
            )
        )  # fmt: skip

    def refused(self, client: Client, status: str, sent: int) -> None:
        peer = client.peer[0] if client.peer else ""
        head = client.http.head
        line = head.line if head is not None else client.http.refused_line
        self._access(Record(head, line, None, status, (), sent, time(), 0.0, peer))


class HookWitness:
    """Calls post_request, then tells the next one."""

    def __init__(self, hook: ResponseHook, worker: Worker, log: logging.Logger, then: Witness | None) -> None:
        self._hook = hook
        self._worker = worker
        self._log = log
        self._then = then

    def answered(self, exchange: Exchange) -> None:
        try:
            self._hook(self._worker, Request(exchange.head), _environ(exchange), Response(exchange))
        except Exception:  # noqa: BLE001 - the operator's code may raise anything
            self._log.exception("the post_request hook raised; the response was sent all the same")
        if self._then is not None:
            self._then.answered(exchange)

    def refused(self, client: Client, status: str, sent: int) -> None:
        if self._then is not None:
            self._then.refused(client, status, sent)


def _environ(exchange: Exchange) -> Mapping[str, object]:
    if exchange.environ is not None:
        return exchange.environ
    environ: Environ = {}
    fill(environ, exchange.head, io.BytesIO(), exchange.client.peer)
    return environ


def before(hook: RequestHook | None, worker: Worker) -> Callable[[RequestHead], None] | None:
    """What runs ahead of the application; a hook that raises fails the request, as in Gunicorn."""
    if hook is None:
        return None

    def call(head: RequestHead) -> None:
        worker.nr += 1
        hook(worker, Request(head))

    return call
