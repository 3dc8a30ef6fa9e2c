"""A connection that has become a WebSocket: octets between the transport and its frames, messages to the application.

Nothing here holds the loop for long: some frames are looked at in one turn, and none while the application's inbox is
full or the client does not take what it was sent (its pongs too). Who stops answering is found by pings.
"""

from __future__ import annotations

import math
import os
from asyncio import CancelledError, Future
from collections.abc import Callable
from time import monotonic, monotonic_ns
from typing import TYPE_CHECKING, Final

from tonnage.app.asgi import STATUSES, Scope, status_line, websocket_scope
from tonnage.app.websocket import NORMAL, Conversation, Message, Phase
from tonnage.errors import ClientLeftError, LocalProtocolError
from tonnage.http.upgrade import Opening, switch
from tonnage.workers.asyncio.stacks import describe
from tonnage.workers.asyncio.upgrading import Terms

if TYPE_CHECKING:
    from tonnage.workers.asyncio.shell import Upgrade

MOST_EARLY: Final = 16 * 1024  # octets that a client may send before it has its 101
CLOSE_S: Final = 10.0  # for the client to answer our Close, as browsers and `websockets` allow each other
SWITCHED: Final = "101 Switching Protocols"
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012


class WebSocketShell:
    """See `Shell` in shell.py for the side of the transport, `Port` in app/websocket.py for the application's."""

    __slots__ = (
        "_accepted", "_deaf", "_due", "_going_on", "_held", "_leaving", "_on_due", "_opening", "_over", "_paused",
        "_pinged", "_rest", "_stall_due", "_stall_size", "_talk", "_task", "_terms", "_transport", "_websocket",
        "began_ns", "client", "fields", "head", "loop", "room", "sent", "service_ns", "status",
    )  # fmt: skip

    environ = None  # for the access log: there is none in ASGI

    def __init__(self, upgrade: Upgrade, opening: Opening, terms: Terms) -> None:
        client = upgrade.client
        desk = client.desk
        self.client = client
        self.head = upgrade.head
        self.began_ns = monotonic_ns()
        self.service_ns = 0
        self.status = ""  # of the answer to the handshake
        self.fields: list[tuple[str, str]] = []
        self.sent = 0  # octets of frames with messages, or of a denial
        self.loop = desk.loop
        self.room: Future[None] | None = None  # see Port
        self._transport = upgrade.transport
        self._opening = opening
        self._websocket = opening.websocket
        self._terms = terms
        self._talk = Conversation(self)
        self._rest = upgrade.leftover  # received and not yet looked at
        self._accepted = False
        self._held = True  # what comes is added to the rest
        self._paused = False  # the transport reads nothing
        self._going_on = False  # a turn for the rest is due
        self._deaf = False  # the application wants no more messages
        self._leaving = desk.is_leaving  # the worker: then accept is followed by 1012
        self._over = False
        self._pinged = 0.0  # when; 0: no pong is waited for
        self._stall_size = 0  # of what the client has not taken, when last looked at, and
        self._stall_due = 0.0  # until when some of it must be
        self._due = monotonic() + desk.timeout_s
        self._on_due: Callable[[float], None] = self._hung
        scope = websocket_scope(upgrade.scope, opening.subprotocols)
        self._task = self.loop.create_task(self._perform(scope))
        desk.conversations.add(self)

    # -- what the transport tells ----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._held:
            self._rest += data
            if not self._accepted and len(self._rest) > MOST_EARLY:
                self._pause()
        else:
            self._read(data)

    def eof_received(self) -> bool | None:
        self._lose()
        return None  # the transport closes itself, when all is sent

    def connection_lost(self, _: Exception | None) -> None:
        self._lose()

    def pause_writing(self) -> None:
        if self.room is None:
            self.room = self.loop.create_future()
            self._stall_size = self.client.unsent()
            self._stall_due = monotonic() + (self.client.desk.rules.timeouts.write or math.inf)
            self._balance()

    def resume_writing(self) -> None:
        room, self.room = self.room, None
        if room is not None:
            if not room.done():
                room.set_result(None)
            self._balance()

    def tick(self, now: float) -> None:
        if self.room is not None and now >= self._stall_due:
            self._judge_stall(now)
        if now >= self._due and not self._over:
            self._on_due(now)

    def drain(self) -> None:
        """The worker leaves: its clients are told to come again, to the next one."""
        self._leaving = True
        if self._accepted and self._websocket.is_open:
            self._close(SERVICE_RESTART, "service restart")

    # -- reading ---------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        websocket = self._websocket
        messages = websocket.receive(data)
        self._rest = websocket.unseen
        if websocket.owes:
            self._transport.write(websocket.take())
        talk = self._talk
        if messages and not self._deaf:
            talk.deliver(messages)
        if websocket.closed is not None:
            self._end(linger=websocket.failed)
        elif self._rest or talk.is_full:
            self._balance()

    def _balance(self) -> None:
        """Who cannot take more is not given more: nothing is read, so the client has to wait in turn."""
        if not self._accepted or self._over:
            return
        blocked = self.room is not None or (self._talk.is_full and not self._deaf)
        self._held = blocked or bool(self._rest)
        if self._held:
            self._pause()
            if self._rest and not blocked and not self._going_on:
                self._going_on = True
                self.loop.call_soon(self._go_on)
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _go_on(self) -> None:
        self._going_on = False
        if self.room is None and not self._over:
            rest, self._rest = self._rest, b""
            self._read(rest)
            self._balance()

    def _lose(self) -> None:
        """Nothing more comes; what has come is still the application's."""
        if self._over:
            return
        while self._accepted and self._rest:
            messages = self._websocket.receive(self._rest)
            self._rest = self._websocket.unseen
            if not self._deaf:
                self._talk.deliver(messages)
        self._rest = b""
        self._websocket.receive_end()
        self._end()

    # -- what the application does, by its conversation ------------------------------------------------------------

    def accept(self, subprotocol: str | None, fields: list[tuple[str, str]]) -> None:
        desk = self.client.desk
        self._transport.write(switch(self._opening, subprotocol, fields, desk.date()))
        self._accepted = True
        self.status, self.fields = SWITCHED, fields
        desk.count(SWITCHED, monotonic_ns() - self.began_ns, 0)  # how long it is talked is no service time
        self._due, self._on_due = math.inf, self._beat
        if self._terms.ping_interval:
            self._due = monotonic() + self._terms.ping_interval
        if self._leaving:
            self.drain()
        self._balance()

    def refuse(self) -> None:
        self._answer(403)

    def deny(self, status: int, fields: list[tuple[str, str]]) -> None:
        desk = self.client.desk
        line = STATUSES.get(status) or status_line(status)
        self._transport.write(self.client.http.respond(line, fields, length=None, close=True, date=desk.date()))
        self.status, self.fields = line, fields
        self._due = monotonic() + desk.timeout_s

    def deny_content(self, data: bytes, *, more: bool) -> None:
        http = self.client.http
        octets = http.data(data)
        self.sent += len(data) if http.sends_content else 0
        self._transport.write(octets if more else octets + http.finish())
        self._due = monotonic() + self.client.desk.timeout_s
        if not more:
            self._end(linger=True)

    def send(self, message: Message) -> None:
        websocket = self._websocket
        if not websocket.is_open:
            raise ClientLeftError("the WebSocket is being closed")
        octets = websocket.text(message) if isinstance(message, str) else websocket.binary(message)
        self.sent += len(octets)
        self._transport.write(octets)

    def close(self, code: int, reason: str) -> None:
        if self._websocket.is_open:
            self._close(code, reason)
        self._deaf = True
        self._balance()

    def resume(self) -> None:
        self._balance()

    # -- the application -------------------------------------------------------------------------------------------

    async def _perform(self, scope: Scope) -> None:
        """Call it, and see that the client learns how it ended. Never raises."""
        desk = self.client.desk
        code = INTERNAL_ERROR
        try:
            if desk.before is not None:
                desk.before(self.head)
            await desk.application(scope, self._talk.receive, self._talk.send)
            code = NORMAL
        except CancelledError:
            if not self._over:
                desk.log.error("the application was cancelled, by itself, at the WebSocket %s", self._where())
        except LocalProtocolError as exc:
            desk.log.error("the application broke the WebSocket %s: %s", self._where(), exc)
        except ClientLeftError:
            code = NORMAL
        except BaseException:
            desk.log.exception("the application raised at the WebSocket %s", self._where())
        finally:
            desk.conversations.discard(self)
        if not self._over:
            self._returned(code)

    def _returned(self, code: int) -> None:
        """Say in its place what it has not said."""
        log = self.client.desk.log
        match self._talk.phase:
            case Phase.CONNECTING:
                if code == NORMAL:
                    log.error("the application returned without accepting or closing the WebSocket %s", self._where())
                self._answer(500)
            case Phase.DENYING:
                log.error("the application left its answer to the WebSocket %s without an end", self._where())
                self._transport.abort()
            case _:
                self.close(code, "")

    def _where(self) -> str:
        return self.head.line.decode("latin-1")

    # -- what is due -----------------------------------------------------------------------------------------------

    def _hung(self, now: float) -> None:
        """The handshake is a request as any other; what comes after accept may take as long as it likes."""
        log, limit = self.client.desk.log, self.client.desk.timeout_s
        if self._talk.phase is Phase.CONNECTING:
            log.error(
                "the application did not accept or close the WebSocket %s within %g s (--timeout); it was answered "
                "with 504, and its task is cancelled. It waited here (innermost last):\n%s",
                self._where(), limit, describe(self._task).rstrip(),
            )  # fmt: skip
            self._answer(504)
        elif self.room is not None:  # the client is the one who is slow; _judge_stall sees to it
            self._due = now + limit
            return
        else:
            log.error(
                "the application sent nothing more of its answer to the WebSocket %s for %g s (--timeout); it was cut "
                "off, and its task is cancelled. It waited here (innermost last):\n%s",
                self._where(), limit, describe(self._task).rstrip(),
            )  # fmt: skip
            self._transport.abort()
            self._end()
        self._task.cancel()

    def _beat(self, now: float) -> None:
        """Ping; and judge by the pong, if we read at all: who is made to wait by us cannot be heard."""
        if self._held:
            self._due = now + self._terms.ping_interval
        elif not self._pinged:
            self._transport.write(self._websocket.ping(os.urandom(4)))
            self._pinged = now
            self._due = now + (self._terms.ping_timeout or self._terms.ping_interval)
        elif self._terms.ping_timeout and not self._websocket.answered:
            self._websocket.fail(INTERNAL_ERROR, "no pong in time")
            self._transport.write(self._websocket.take())
            self._end()
        else:
            self._due = max(now, self._pinged + self._terms.ping_interval)
            self._pinged = 0.0

    def _judge_stall(self, now: float) -> None:
        size, limit = self.client.unsent(), self.client.desk.rules.timeouts.write
        if size != self._stall_size:
            self._stall_size, self._stall_due = size, now + limit
            return
        self.client.desk.log.info(
            "the client took nothing for %.0fs (--write-timeout) at the WebSocket %s", limit, self._where()
        )
        self._transport.abort()

    def _give_up(self, _: float) -> None:
        """It does not answer our Close."""
        self._transport.abort()

    # -- the end ---------------------------------------------------------------------------------------------------

    def _close(self, code: int, reason: str) -> None:
        self._transport.write(self._websocket.close(code, reason))
        self._due, self._on_due = monotonic() + CLOSE_S, self._give_up

    def _answer(self, status: int) -> None:
        """With a response of ours, in place of a WebSocket; the connection is an ordinary one again."""
        self._over = True
        client = self.client
        client.shell = None
        if self._paused:
            self._transport.resume_reading()
        client.refuse(status)
        self._dismiss(1006, "")

    def _end(self, *, linger: bool = False) -> None:
        """Nothing more will be sent or received."""
        self._over = True
        desk, client = self.client.desk, self.client
        client.shell = None
        if self._paused and not self._transport.is_closing():
            self._transport.resume_reading()
        client.done(linger=linger)
        self.service_ns = monotonic_ns() - self.began_ns
        if self._accepted:
            desk.slot.cells[8] += self.sent  # Cell.SENT; the rest was counted by `accept`
        else:
            desk.count(self.status, self.service_ns, self.sent)
        desk.tell(self)
        closed = self._websocket.closed
        self._dismiss(*((closed.code, closed.reason) if self._accepted and closed is not None else (1006, "")))

    def _dismiss(self, code: int, reason: str) -> None:
        """The application is told, and has a while to end by itself."""
        self._rest = b""
        self._talk.disconnect(code, reason)
        self.resume_writing()
        if not self._task.done():
            self.loop.call_later(self.client.desk.grace_s, self._task.cancel)
