"""The lifespan of an ASGI application: its startup is part of a worker's boot, its shutdown the end of a drain.

One task holds the application's lifespan call from startup to shutdown, so that what it opens (task groups, context
managers) is closed where it was opened. A failed startup is a failed boot: a broken release never replaces a good one.
With `auto`, an application that raises instead of answering is served without, as the specification asks: it may know
nothing of lifespans. If it raised after it had received the startup, that is said aloud.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Literal

from tonnage.app.asgi import VERSIONS, Application, Message, Scope
from tonnage.errors import BootError, LocalProtocolError

UNANSWERED: Final = "it ended without an answer"


class Lifespan:
    def __init__(self, application: Application, mode: Literal["auto", "on", "off"], log: logging.Logger) -> None:
        self.state: dict[str, object] = {}
        self._application = application
        self._mode = mode
        self._log = log
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._started: asyncio.Future[str] | None = None  # "" or what is wrong
        self._stopped: asyncio.Future[str] | None = None
        self._asked = False  # it has received lifespan.startup
        self._failed = False  # it has said so
        self._task: asyncio.Task[None] | None = None
        self._raised: BaseException | None = None

    async def startup(self, timeout_s: float | None) -> None:
        """Raises BootError when the application says, or shows, that it cannot start."""
        if self._mode == "off":
            return
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        self._inbox.put_nowait({"type": "lifespan.startup"})
        self._task = loop.create_task(self._live(), name="lifespan")
        done, _ = await asyncio.wait([self._started], timeout=timeout_s)
        if not done:
            self._task.cancel()
            raise BootError(f"lifespan.startup was not answered within {timeout_s:.1f} s (--boot-timeout)")
        problem = self._started.result()
        if not problem:
            return
        if self._mode == "auto" and not self._failed:
            self._do_without(problem)
            return
        raise BootError(f"the application's lifespan startup failed: {problem}") from self._raised

    def _do_without(self, problem: str) -> None:
        self._task = None
        if self._asked and self._raised is not None:
            self._log.warning(
                "The application took lifespan.startup and raised %s; it is served without lifespan events. "
                "If it needs them, --asgi-lifespan on makes this a failed boot; if it has none, off does not ask.",
                problem,
            )  # fmt: skip
        else:
            self._log.info("The application has no lifespan events.")

    async def shutdown(self, timeout_s: float | None) -> None:
        if self._task is None or self._stopped is None:
            return
        self._inbox.put_nowait({"type": "lifespan.shutdown"})
        done, _ = await asyncio.wait([self._stopped], timeout=timeout_s)
        if not done:
            self._log.error("lifespan.shutdown was not answered within %.0f s; the worker ends without it.", timeout_s)
            self._task.cancel()
        elif problem := self._stopped.result():
            self._log.error("the application's lifespan shutdown failed: %s", problem, exc_info=self._raised)
        await asyncio.wait([self._task], timeout=1.0)

    async def _live(self) -> None:
        scope: Scope = {"type": "lifespan", "asgi": VERSIONS.copy(), "state": self.state}
        problem = UNANSWERED
        try:
            await self._application(scope, self._receive, self._send)
        except asyncio.CancelledError:
            problem = "it was cancelled"
        except BaseException as exc:  # noqa: BLE001 - sys.exit() in a startup is a failed startup like any other
            self._raised = exc
            problem = f"{type(exc).__name__}: {exc}"
        if self._told(self._started, problem):
            return
        if not self._told(self._stopped, problem if self._raised is not None else ""):
            return
        if self._raised is not None:
            self._log.error("the application's lifespan ended while it was served: %s", problem, exc_info=self._raised)

    async def _receive(self) -> Message:
        self._asked = True
        return await self._inbox.get()

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        text = str(message.get("message") or "it gave no reason")
        if kind == "lifespan.startup.complete":
            self._told(self._started, "")
        elif kind == "lifespan.startup.failed":
            self._failed = True
            self._told(self._started, text)
        elif kind == "lifespan.shutdown.complete":
            self._told(self._stopped, "")
        elif kind == "lifespan.shutdown.failed":
            self._told(self._stopped, text)
        else:
            raise LocalProtocolError(f"{kind} is no event of lifespan")

    @staticmethod
    def _told(whom: asyncio.Future[str] | None, problem: str) -> bool:
        """Whether it had not been told before."""
        if whom is None or whom.done():
            return False
        whom.set_result(problem)
        return True
