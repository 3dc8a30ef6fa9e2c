"""One request and its response on the event loop: the application's `receive` and `send`.

The application is called as soon as the head is there; content is read when it asks for it, and no faster. What it
sends goes to the transport at once; `send` waits while the client is slow to take it. What waits is in calls.py.
"""

from __future__ import annotations

from asyncio import Future, Task
from time import monotonic_ns
from typing import TYPE_CHECKING, Final

from tonnage.app.asgi import (
    CONTENT,
    DONE,
    FILE,
    HEAD,
    HINT,
    LAST,
    LAST_PART,
    NOTHING,
    PART,
    TRAILERS,
    WHOLE,
    Conversation,
    Message,
    Scope,
    hinted,
)  # fmt: skip
from tonnage.errors import ClientLeftError, RemoteProtocolError
from tonnage.http.head import RequestHead
from tonnage.http.state import END, End

if TYPE_CHECKING:
    from tonnage.workers.asyncio.protocol import Client

# Whom the exchange waits for
APPLICATION: Final = 0
UPLOAD: Final = 1
DOWNLOAD: Final = 2

# What `send` waits for
NOBODY: Final = 0
OTHERS: Final = 1  # their turn
ROOM: Final = 2  # the client is slow to take it
A_FILE: Final = 3  # `file` is to be sent

IN_A_ROW: Final = 64  # parts of a response that a fast client may take before the others have a turn


class Exchange(Conversation):
    __slots__ = (
        "_application_ns",
        "_fault",
        "_receivers",
        "_unread",
        "_upload_ns",
        "began_ns",
        "client",
        "cut",
        "ended_ns",
        "first_ns",
        "head",
        "left",
        "parts",
        "row",
        "scope",
        "sent",
        "service_ns",
        "size",
        "task",
        "told",
        "touched_ns",
        "waits",
    )  # fmt: skip

    def __init__(self, client: Client, head: RequestHead, scope: Scope, began_ns: int) -> None:
        self.stage = NOTHING
        self.status = ""
        self.fields: list[tuple[str, str]] = []
        self.trailers = None
        self.content = b""
        self.client = client
        self.head = head
        self.scope = scope
        self.began_ns = began_ns  # CLOCK_MONOTONIC
        self.touched_ns = began_ns  # since when that one is silent whom it waits for
        self._application_ns = self._upload_ns = 0  # for how long each was, when the other one had to be waited for
        self.ended_ns = self.first_ns = 0  # first: when the first octet of a response in parts was sent
        self.service_ns = 0
        self.sent = self.parts = 0
        self.task: Task[None] | None = None  # when it has not ended with its first step
        self.cut = False  # somebody has answered, or given up, in the application's place
        self.left = False  # the client has: it sends nothing more
        self.row = 0  # of the scoreboard, when it waits for something
        self.waits = APPLICATION
        self.size = 0  # of what the client has not taken, when last looked at
        self._unread = True  # the application has not been given the whole content
        self.told = False  # http.disconnect was delivered
        self._receivers: list[Future[None]] = []
        self._fault: RemoteProtocolError | None = None

    @property
    def environ(self) -> None:
        """There is none in ASGI; the access log and the hooks look at the head."""

    @property
    def is_over(self) -> bool:
        """Its client has all that it will get; what the application still does is its own affair."""
        return self.stage == DONE or self.cut

    # -- what the application asks for -----------------------------------------------------------------------------

    def event(self) -> Message | None:
        """The next for `receive`; None: nothing yet."""
        if self._unread and self.stage != DONE and not self.cut and not self.client.lost:
            event = self._read()
            if event is not None:
                return event
        if self.told or not (self.left or self.is_over or self.client.lost):
            return None
        self.told = True
        return {"type": "http.disconnect"}

    def _read(self) -> Message | None:
        """What has come of the content; None: nothing yet."""
        if not self.head.has_body:
            self._unread = False
            return {"type": "http.request", "body": b"", "more_body": False}
        client = self.client
        http = client.http
        try:
            if self._fault is not None:
                raise self._fault
            piece = http.next()
        except RemoteProtocolError as exc:
            client.refuse(exc)
            return None
        if piece is None:
            if octets := http.continue_():
                client.transport.write(octets)
            return None
        more: object = END
        if not isinstance(piece, End):
            try:
                more = http.next()
            except RemoteProtocolError as exc:
                self._fault, more = exc, None
        self._unread = more is not END
        client.want_more()
        content = b"" if isinstance(piece, End) else piece
        self.moved()
        return {"type": "http.request", "body": content, "more_body": self._unread}

    def await_event(self) -> Future[None]:
        """Done when octets have come, the client has left, or the response is complete."""
        waiter = self.client.desk.loop.create_future()
        self._receivers.append(waiter)
        if self._unread and self.waits == APPLICATION:
            self.turn_to(UPLOAD)
        return waiter

    def forget(self, waiter: Future[None]) -> None:
        if waiter in self._receivers:
            self._receivers.remove(waiter)
        if self.waits == UPLOAD and not self._receivers:
            self.turn_to(APPLICATION)

    def turn_to(self, whom: int) -> None:
        """It waits for somebody else from now on; nobody is silent while he is not waited for."""
        now = monotonic_ns()
        silent = now - self.touched_ns
        if self.waits == APPLICATION:
            self._application_ns = silent
        elif self.waits == UPLOAD:
            self._upload_ns = silent
        self.waits = whom
        before = self._application_ns if whom == APPLICATION else self._upload_ns if whom == UPLOAD else 0
        self.touched_ns = now - before

    def turn_back(self) -> None:
        """From a client that was slow to take."""
        self.turn_to(UPLOAD if self._unread and self._receivers else APPLICATION)

    def moved(self) -> None:
        """Octets have, either way; so nobody is silent."""
        self.touched_ns = monotonic_ns()
        self._application_ns = self._upload_ns = 0

    def wake(self) -> None:
        """Who waits in `receive` is to look again."""
        for waiter in self._receivers:
            settle(waiter)
        self._receivers.clear()

    def fed(self) -> None:
        """Octets have come."""
        if self._unread and self._receivers:
            self.moved()
            self.wake()

    # -- what it sends ---------------------------------------------------------------------------------------------

    def say(self, message: Message) -> int:
        """What `send` has to wait for. Raises LocalProtocolError, ClientLeftError."""
        step = self.hear(message)
        waits = NOBODY
        if step == WHOLE:
            waits = self._whole(self.content)
        elif step == PART:
            waits = self._part(self.content)
        elif step == LAST:
            waits = self._last(self.content)
        elif step == LAST_PART:
            waits = self._part(self.content)
            self.stage = TRAILERS
        elif step == HINT:
            self._hint(hinted(message))
        elif step == FILE:
            waits = A_FILE
        return waits

    def _whole(self, content: bytes) -> int:
        client = self.client
        if client.lost or self.cut:
            raise ClientLeftError
        desk, http = client.desk, client.http
        octets = http.respond_whole(self.status, self.fields, content, desk.closing, desk.date())
        if http.sends_content:
            self.sent = len(content)
        client.transport.write(octets)
        if http.excess:
            self._report_excess()
        self._complete()
        return ROOM if client.paused else NOBODY

    def _part(self, content: bytes) -> int:
        client = self.client
        head = self._start() if self.stage == HEAD or client.lost or self.cut else b""
        octets = self._framed(content)
        if octets or head:
            client.transport.write(head + octets)
        self.moved()
        self.parts += 1
        if client.paused:
            return ROOM
        return NOBODY if self.parts % IN_A_ROW else OTHERS

    def _last(self, content: bytes) -> int:
        client = self.client
        octets = self._start() + self._framed(content) + client.http.finish(self.trailers or ())
        if octets:
            client.transport.write(octets)
        if client.http.excess:
            self._report_excess()
        self._complete()
        return ROOM if client.paused else NOBODY

    def _hint(self, fields: list[tuple[str, str]]) -> None:
        if self.client.lost or self.cut:
            raise ClientLeftError
        if octets := self.client.http.early_hints(fields):
            self.client.transport.write(octets)

    def start_file(self, size: int) -> tuple[bytes, bytes, int]:
        """What is to be sent before it, after it, and how much of it."""
        octets = self._start(size)
        http = self.client.http
        count = http.allowed(size)
        before, after = http.file_data(count)
        self.sent = count
        return octets + before, after, count

    def end_file(self, after: bytes) -> None:
        if octets := after + self.client.http.finish():
            self.client.transport.write(octets)
        self._complete()

    def _start(self, length: int | None = None) -> bytes:
        """The head, if it has not left yet."""
        client = self.client
        if client.lost or self.cut or client.transport.is_closing():
            raise ClientLeftError
        if self.stage != HEAD:
            return b""
        desk, fields = client.desk, self.fields
        octets = client.http.respond(self.status, fields, length=length, close=desk.closing, date=desk.date())
        self.stage = CONTENT
        self.first_ns = monotonic_ns()
        return octets

    def _framed(self, content: bytes) -> bytes:
        http = self.client.http
        octets = http.data(content)
        if octets:
            self.sent += len(content)
            if http.excess:  # of this piece: no octet of another one would fit
                self.sent -= http.excess
        return octets

    def _complete(self) -> None:
        self.stage = DONE
        self.ended_ns = ended = monotonic_ns()
        self.service_ns = ended - self.began_ns
        self.client.answered(self)
        if self._receivers:
            self.wake()

    # -- its end, when it is not the application's -----------------------------------------------------------------

    def leave(self) -> None:
        """The client has left, or sends nothing more. The application is told, and has a while to end by itself."""
        if not self.left:
            self.left = True
            self.wake()
            desk = self.client.desk
            desk.loop.call_later(desk.grace_s, self.cancel)

    def cancel(self) -> None:
        if self.stage != DONE and self.task is not None and not self.task.done():
            if not (self.cut or self.client.lost):
                self._report_half()
            self.cut = True
            self.task.cancel()
            self.abandon()

    def cut_off(self, problem: RemoteProtocolError | int) -> bool:
        """Answer in the application's place, if it is not too late; and end it."""
        begun = self.stage > HEAD
        self.cut = True
        self.client.refuse(problem)
        self.wake()
        if self.task is not None:
            self.task.cancel()
        return not begun

    def abandon(self) -> None:
        """Nobody is there to take the rest."""
        self.cut = True
        if self.client.exchange is self:
            self.ended_ns = monotonic_ns()
            self.service_ns = self.ended_ns - self.began_ns
            if self.stage <= HEAD:
                self.status = ""
            self.client.cut_short(self)

    def fail(self, problem: str, reason: str = "", *, trace: bool = False) -> None:
        """Before anything has left, a clean 500; afterwards the connection's end tells the client."""
        desk = self.client.desk
        answered = "; the response was cut off" if CONTENT <= self.stage < DONE else ""
        if self.cut:
            return
        desk.log.error("%s at %s%s%s", problem, self.where(), f": {reason}" if reason else "", answered, exc_info=trace)
        if self.stage == DONE:
            return
        self.cut = True
        if self.stage <= HEAD:
            self.client.refuse(500)
        else:
            self.abandon()

    def _report_excess(self) -> None:
        self.client.desk.log.warning(
            "the application sent %d octets more than its Content-Length at %s; they were left out",
            self.client.http.excess, self.where(),
        )  # fmt: skip

    def _report_half(self) -> None:
        """Until it is written to, a client that has left and one that closed only its own half look the same."""
        desk = self.client.desk
        desk.log.info(
            "the client of %s closed its connection, or its own half of it, and the application was cancelled %g s "
            "later. Where clients close their half and wait for an answer, raise --asgi-disconnect-grace-period",
            self.where(), desk.grace_s,
        )  # fmt: skip

    def where(self) -> str:
        return self.head.line.decode("latin-1")


def settle(waiter: Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
