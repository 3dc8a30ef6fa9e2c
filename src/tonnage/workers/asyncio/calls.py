"""The coroutines of a request: the call of the application, its `receive` and its `send`.

These are never compiled, and need not be: what they do is in exchange.py, they wait. So tasks, frameworks and
tracebacks deal with coroutines of Python itself.
"""

from __future__ import annotations

import os
from asyncio import CancelledError, Future
from functools import partial
from types import MethodType

from tonnage.app.asgi import DONE, NOTHING, Message
from tonnage.errors import ClientLeftError, LocalProtocolError
from tonnage.workers.asyncio.exchange import A_FILE, ROOM, Exchange
from tonnage.workers.asyncio.sendfile import send_file
from tonnage.workers.asyncio.waiting import drain, others


async def perform(exchange: Exchange) -> None:
    """Call the application, and see that there is an answer, come what may. Never raises."""
    desk = exchange.client.desk
    try:
        if desk.before is not None:
            desk.before(exchange.head)
        await desk.application(exchange.scope, MethodType(receive, exchange), MethodType(send, exchange))
        if exchange.stage != DONE and not exchange.cut:
            said = "an answer" if exchange.stage == NOTHING else "an end"
            exchange.fail(f"the application returned without {said}")
    except CancelledError:
        if not exchange.cut:
            exchange.fail("the application was cancelled, by itself,")
    except LocalProtocolError as exc:
        exchange.fail("the application broke HTTP", str(exc))
    except ClientLeftError:
        exchange.abandon()
    except BaseException as exc:  # noqa: BLE001 - sys.exit() and the like: one bad request is not the worker's end
        if exchange.cut or (exchange.left and exchange.stage != DONE):
            desk.log.info("%s raised %s after its client was gone", exchange.where(), type(exc).__name__)
            exchange.abandon()
        else:
            exchange.fail("the application raised", trace=True)
    finally:
        desk.exchanges.discard(exchange)
        desk.no_longer_waits(exchange)


async def receive(exchange: Exchange) -> Message:
    """`http.disconnect` is told once; who asks on waits, and not for ever."""
    while True:
        event = exchange.event()
        if event is not None:
            return event
        if exchange.told:
            await _nothing_more(exchange)
        waiter = exchange.await_event()
        try:
            await waiter
        finally:
            exchange.forget(waiter)


async def _nothing_more(exchange: Exchange) -> None:
    """Raises ClientLeftError when the grace is over."""
    desk = exchange.client.desk
    waiter: Future[None] = desk.loop.create_future()
    limit = desk.loop.call_later(desk.grace_s, partial(_give_up, waiter))
    try:
        await waiter
    finally:
        limit.cancel()


def _give_up(waiter: Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(ClientLeftError("http.disconnect was received; there is nothing more to receive"))


async def send(exchange: Exchange, message: Message) -> None:
    waits = exchange.say(message)
    if waits:
        if waits == ROOM:
            await drain(exchange)
        elif waits == A_FILE:
            await _send_path(exchange, str(message["path"]))
        else:
            await others()


async def _send_path(exchange: Exchange, path: str) -> None:
    """`http.response.pathsend`."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        before, after, count = exchange.start_file(os.fstat(fd).st_size)
        await send_file(exchange, before, fd, count)
    finally:
        os.close(fd)
    exchange.end_file(after)
