"""A file as a response's content, by sendfile(2): its octets never come into this process.

The transport must have nothing left to send by then; what it is given later goes out after the file. Where there is no
plain socket (TLS), blocks are read by a thread and written as any other content.
"""

from __future__ import annotations

import os
import socket
from asyncio import AbstractEventLoop
from typing import TYPE_CHECKING

from tonnage.errors import ClientLeftError
from tonnage.workers.asyncio.waiting import drain, others, writable

if TYPE_CHECKING:
    from tonnage.workers.asyncio.exchange import Exchange

BLOCK = 1024 * 1024  # octets offered to one sendfile(2); it holds the loop while they are read
TLS_BLOCK = 256 * 1024


async def send_file(exchange: Exchange, head: bytes, fd: int, count: int) -> None:
    """`head`, then the first `count` octets of the file. Raises ClientLeftError."""
    client = exchange.client
    transport = client.transport
    if client.is_encrypted or not client.desk.sendfile:
        await _by_blocks(exchange, head, fd, count)
        return
    transport.set_write_buffer_limits(high=0)
    try:
        transport.write(head)
        while client.paused:
            await drain(exchange)
    finally:
        transport.set_write_buffer_limits()
    if client.lost:
        raise ClientLeftError
    sock: socket.socket = transport.get_extra_info("socket")
    out = os.dup(sock.fileno())  # a loop lets nobody else watch a descriptor of its transports
    try:
        await _by_kernel(exchange, out, fd, count)
    except (BrokenPipeError, ConnectionError) as exc:
        raise ClientLeftError from exc
    finally:
        os.close(out)


async def _by_kernel(exchange: Exchange, out: int, fd: int, count: int) -> None:
    offset = 0
    while offset < count:
        if exchange.client.lost or exchange.cut:
            raise ClientLeftError
        try:
            sent = os.sendfile(out, fd, offset, min(count - offset, BLOCK))
        except BlockingIOError:
            await writable(exchange, out)
            continue
        if not sent:
            raise ConnectionAbortedError("the file shrank while it was sent")
        offset += sent
        exchange.moved()
        await others()


async def _by_blocks(exchange: Exchange, head: bytes, fd: int, count: int) -> None:
    client = exchange.client
    loop: AbstractEventLoop = client.desk.loop
    offset = 0
    octets = head
    while True:
        if client.lost or exchange.cut:
            raise ClientLeftError
        client.transport.write(octets)
        exchange.moved()
        if client.paused:
            await drain(exchange)
        if offset == count:
            return
        octets = await loop.run_in_executor(None, os.pread, fd, min(count - offset, TLS_BLOCK), offset)
        if not octets:
            raise ConnectionAbortedError("the file shrank while it was sent")
        offset += len(octets)
