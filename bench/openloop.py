"""Clients that send when a request is due, whatever the server is doing; a latency counts from that due time.

Why not wrk: its connections wait for the answer before they ask again, so a connection that is stuck behind a slow
request sends one request while the others send thousands, and no percentile shows it (coordinated omission).
"""

import asyncio
import random
import time
from dataclasses import dataclass, field

CLIENTS = 16
REQUESTS_PER_S = 400
PATIENCE_S = 10.0


@dataclass(slots=True)
class Browser:
    """One client with one connection, which it opens anew when the server has closed it."""

    port: int
    request: bytes
    stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self) -> None:
        try:
            await self._exchange()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.leave()  # a kept connection may end just as we send: RFC 9112 9.3.1 lets a client repeat a GET
            await self._exchange()

    async def _exchange(self) -> None:
        if self.stream is None:
            self.stream = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.stream
        writer.write(self.request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise ValueError(f"the answer was {head.splitlines()[0].decode('latin-1')}")
        _, marked, rest = head.partition(b"\r\ncontent-length:")
        await (reader.readexactly(int(rest.partition(b"\r\n")[0])) if marked else reader.read())
        if not marked or b"\r\nconnection: close" in head or reader.at_eof():
            self.leave()

    def leave(self) -> None:
        if self.stream is not None:
            self.stream[1].close()
            self.stream = None


@dataclass(frozen=True, slots=True)
class Latencies:
    fast_ms: list[float] = field(default_factory=list)
    slow_ms: list[float] = field(default_factory=list)


def mixed(port: int, head: str, seconds: int) -> Latencies:
    """Requests for / at random times fixed beforehand, beside an unbroken row of requests for /slow."""
    return asyncio.run(asyncio.wait_for(_mixed(port, head, seconds), seconds * 4 + PATIENCE_S))


async def _mixed(port: int, head: str, seconds: int) -> Latencies:
    latencies = Latencies()
    start = time.monotonic() + 0.1
    dice = random.Random(42)  # noqa: S311 -- the same times for every server
    async with asyncio.TaskGroup() as clients:
        clients.create_task(_row(Browser(port, f"GET /slow {head}".encode()), start + seconds, latencies.slow_ms))
        for _ in range(CLIENTS):
            due = _due_times(dice, start, seconds)
            clients.create_task(_on_time(Browser(port, f"GET / {head}".encode()), due, latencies.fast_ms))
    return latencies


def _due_times(dice: random.Random, start: float, seconds: int) -> list[float]:
    """A Poisson process: independent users."""
    due, times = 0.0, []
    while (due := due + dice.expovariate(REQUESTS_PER_S / CLIENTS)) < seconds:
        times.append(start + due)
    return times


async def _on_time(browser: Browser, times: list[float], latencies_ms: list[float]) -> None:
    for due in times:
        await asyncio.sleep(due - time.monotonic())
        await browser.get()
        latencies_ms.append((time.monotonic() - due) * 1000)
    browser.leave()


async def _row(browser: Browser, end: float, latencies_ms: list[float]) -> None:
    while (start := time.monotonic()) < end:
        await browser.get()
        latencies_ms.append((time.monotonic() - start) * 1000)
    browser.leave()
