"""What the coroutines of a request wait for, beside its content."""

from __future__ import annotations

import types
from collections.abc import Generator
from typing import TYPE_CHECKING

from tonnage.workers.asyncio.exchange import DOWNLOAD, settle

if TYPE_CHECKING:
    from tonnage.workers.asyncio.exchange import Exchange


@types.coroutine
def others() -> Generator[None, None, None]:
    """Their turn."""
    yield


async def drain(exchange: Exchange) -> None:
    """Until the client has taken enough of what was sent."""
    waiter = exchange.client.await_room()
    if waiter is None:
        return
    exchange.turn_to(DOWNLOAD)
    try:
        await waiter
    finally:
        exchange.turn_back()


async def writable(exchange: Exchange, fd: int) -> None:
    """`drain` for who writes into the socket himself."""
    loop = exchange.client.desk.loop
    waiter = loop.create_future()
    loop.add_writer(fd, settle, waiter)
    exchange.turn_to(DOWNLOAD)
    try:
        await waiter
    finally:
        loop.remove_writer(fd)
        exchange.turn_back()
