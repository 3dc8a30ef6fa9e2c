"""A chat and its workers' comings and goings: every client is told 1012, and is back at once."""

import asyncio
import os
import re
import signal
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.live.apps import write_app
from tests.live.server import PATIENCE_S, Running, serve
from tests.live.talkers import APP, talk, uri
from tests.unit.http.frames import close, close_of, text

CLIENTS = int(os.environ.get("CHATTERS", "200"))  # 2,000 is the figure that is promised; it takes a minute
WHOLE_S = PATIENCE_S * max(1, CLIENTS // 200)
ASGI = ("app:app", "-k", "asgi", "--workers", "2", "--worker-connections", "5000")


class Chatter:
    """A client that comes again whenever it is told to, as a page in a browser would."""

    def __init__(self, server: Running, door: asyncio.Semaphore) -> None:
        self._uri = uri(server)
        self._door = door  # one process is all the clients: not all at once, or it keeps handshakes waiting itself
        self.failure: Exception | None = None
        self.workers: list[str] = []  # it was with
        self.codes: list[int | None] = []
        self.is_in = asyncio.Event()

    async def run(self) -> None:
        try:
            while True:
                async with self._door:
                    socket = await connect(self._uri, open_timeout=WHOLE_S, compression=None, proxy=None)
                async with socket:
                    await self._talk(socket)
                self.codes.append(socket.close_code)
        except Exception as exc:
            self.failure = exc
            self.is_in.set()

    async def _talk(self, socket: ClientConnection) -> None:
        assert socket.response is not None
        try:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            self.workers.append(socket.response.headers["X-Worker"])
            self.is_in.set()
            await socket.recv()
        except ConnectionClosed:
            self.is_in.clear()


async def all_in(chatters: list[Chatter], old: set[str]) -> None:
    """Blocks until each is with a worker that is not old."""
    async with asyncio.timeout(WHOLE_S):
        for chatter in chatters:
            while not chatter.workers or chatter.workers[-1] in old:
                chatter.is_in.clear()
                await chatter.is_in.wait()
                assert chatter.failure is None, repr(chatter.failure)


async def chat(server: Running, old: set[str]) -> list[Chatter]:
    door = asyncio.Semaphore(20)
    chatters = [Chatter(server, door) for _ in range(CLIENTS)]
    tasks = [asyncio.create_task(chatter.run()) for chatter in chatters]
    await all_in(chatters, set())
    server.signal(signal.SIGHUP)
    await all_in(chatters, old)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return chatters


def wait_until_replaced(server: Running, old: set[str]) -> set[str]:
    while (now := {str(pid) for pid in server.workers()}) & old:
        assert server.process.poll() is None
    return now


def test_a_chat_survives_a_reload(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    with serve(*ASGI, cwd=tmp_path) as server:
        old = {str(pid) for pid in server.workers()}
        chatters = asyncio.run(chat(server, old))
        new = wait_until_replaced(server, old)
        ended = sum(len(chatter.codes) for chatter in chatters)
        server.log.wait_for("left 1012 'service restart' end", times=ended)
    assert server.log.text.count("left 1012 ") == ended, "each application is told, once"
    assert ended >= CLIENTS  # who came again before the last old worker left was told twice
    assert {code for chatter in chatters for code in chatter.codes} == {1012}
    assert {chatter.workers[-1] for chatter in chatters} <= new
    said = re.sub(".*has been held for.*|.*Capped by.*", "", server.log.text)  # by a busy machine
    assert not re.search("ERROR|WARNING", said)


def test_what_was_said_before_the_close_was_seen_still_counts(tmp_path: Path) -> None:
    """Half a message before the drain, the other half after our Close."""
    write_app(tmp_path, APP)
    with serve("app:app", "-k", "asgi", "--workers", "1", cwd=tmp_path) as server:
        one = talk(server, "/listens")
        late = text("on its way")
        one.send(late[:3])
        server.signal(signal.SIGTERM)
        assert one.read() == close_of(1012, "service restart")
        one.send(late[3:], close(1012))
        assert one.read() is None
        server.log.wait_for("heard on its way")
        server.log.wait_for("left 1012 'service restart' end")
        assert server.wait() == 0
