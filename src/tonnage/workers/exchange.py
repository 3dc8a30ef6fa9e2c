"""One request and its response: the application's calls become octets on a connection.

Runs wherever the application runs: on the loop's thread (sync) or on one of its own (gthread). It sends at once what
the socket takes and leaves the rest to the loop, see output.py.
"""

from __future__ import annotations

import logging
import math
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import BinaryIO

from tonnage.app.environ import fill, mount, name_server, trust
from tonnage.app.wsgi import Call, ClientGone, Environ, ResponseFields
from tonnage.errors import LocalProtocolError, RemoteProtocolError
from tonnage.http.head import RequestHead
from tonnage.workers.client import Client
from tonnage.workers.line import PLAIN, Line
from tonnage.workers.output import MEMORY, Output
from tonnage.workers.overload import RETRY_AFTER_S

STREAM_SPOOL = 64 * 1024**2  # octets of a stream of unknown length that may wait for a slow client
SPOOL = 1024**3  # the same for a response of known length: it ends, so its producer is set free


class DateClock:
    """The Date field, formatted once a second (RFC 9110 6.6.1)."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = (0, b"")  # the second and its field, replaced together: threads share it

    def __call__(self) -> bytes:
        second, field = self._last
        now = int(time.time())
        if now != second:
            field = f"Date: {formatdate(now, usegmt=True)}\r\n".encode()
            self._last = (now, field)
        return field


@dataclass(frozen=True, slots=True)
class Tools:
    """What every exchange of a worker shares."""

    application: Callable[..., object]
    log: logging.Logger
    date: DateClock
    directory: str | None  # for temporary files
    write_timeout: float  # seconds a client may take nothing; 0 = forever
    queue_timeout_ns: float = math.inf  # a request that waited longer for its thread is answered with 503
    sendfile: bool = True
    line: Line = PLAIN
    before: Callable[[RequestHead], None] | None = None  # the pre_request hook


class Exchange:
    """Implements app.wsgi.Sink for one request on one connection."""

    __slots__ = (
        "_held",
        "_spool_limit",
        "began_ns",
        "client",
        "close",
        "content",
        "cut",
        "ended_ns",
        "environ",
        "fields",
        "first_ns",
        "head",
        "http",
        "queued_ns",
        "sent",
        "service_ns",
        "status",
        "tools",
        "waited_ns",
        "waits_for_client",
        "wants_content",
    )  # fmt: skip

    def __init__(self, client: Client, head: RequestHead, content: BinaryIO, tools: Tools) -> None:
        self.client = client
        self.http = client.http
        self.head = head
        self.content = content
        self.tools = tools
        self.close = False  # answer with Connection: close, and mean it
        self.waits_for_client = False  # the producer of a long response: not the application's fault
        self.cut = False  # the watchdog has answered, or given up, in the application's place
        self.environ: Environ = {}
        self.status = ""
        self.fields: ResponseFields = ()
        self.sent = 0
        self.queued_ns = self.began_ns = self.ended_ns = 0  # CLOCK_MONOTONIC
        self.first_ns = 0  # the same: when the first octet of a response in parts was sent
        self.waited_ns = 0  # in the queue for a thread
        self.service_ns = 0
        self.wants_content = True
        self._held = b""  # the response's head, until its first content
        self._spool_limit = SPOOL

    # -- what the loop asks for ------------------------------------------------------------------------------------

    def perform(self) -> None:
        """Call the application and answer, come what may; afterwards `close` says whether the connection must end."""
        call = Call(self)
        try:
            if self.waited_ns > self.tools.queue_timeout_ns:
                self.refuse(503)
                return
            self._prepare()
            call.run(self.tools.application, self.environ)
        except RemoteProtocolError as exc:
            self.refuse(exc.status)
        except ClientGone:
            self.abandon()
        except LocalProtocolError as exc:
            self._fail(call.sent, f"the application broke HTTP at {self._where()}: {exc}", trace=False)
        except BaseException:  # noqa: BLE001 - sys.exit(), CancelledError...: one bad request is not the worker's end
            self._fail(call.sent, f"the application raised at {self._where()}", trace=True)

    def _prepare(self) -> None:
        client = self.client
        door = client.door
        self.environ = environ = door.template.copy()
        fill(environ, self.head, self.content, client.peer)
        environ["wsgi.early_hints"] = self.early_hints
        if client.content is not None:
            self._describe_content(client.content.length)
        if client.trusted:
            trust(environ, door.gateway, self.head)
        if door.is_unix:
            name_server(environ)
        if self.tools.before is not None:
            self.tools.before(self.head)
        if environ["SCRIPT_NAME"] and not mount(environ):
            raise LocalProtocolError(f"the path is not below SCRIPT_NAME {environ['SCRIPT_NAME']!r}")

    def _describe_content(self, length: int) -> None:
        """The transfer coding is decoded and the length known: say so, since many only look at CONTENT_LENGTH."""
        self.environ["CONTENT_LENGTH"] = str(length)
        self.environ.pop("HTTP_TRANSFER_ENCODING", None)

    def refuse(self, status: int) -> None:
        """Answer without the application."""
        self.close = True
        octets = self.http.refuse(status, RETRY_AFTER_S if status == 503 else None, date=self.tools.date())
        if not octets:  # a response has begun; all that is left is to end it
            self.abandon()
            return
        self.sent = len(octets) - octets.index(b"\r\n\r\n") - 4
        end = octets.index(b"\r\n")
        self.status = octets[9:end].decode()
        try:
            self._push(octets)
        except ClientGone:
            self.abandon()

    def cut_off(self, status: int) -> bool:
        """From the watchdog's thread: answer for an application that is not going to; whether it was not too late.

        `cut` is set before `status` is looked at, and `_claim` does both the other way round: so never do two answer.
        """
        self.cut = True
        if self.status:
            return False
        self.refuse(status)
        return True

    def abandon(self) -> None:
        """Nobody is there to take the rest."""
        self.close = True
        if self.client.out is not None:
            self.client.out.close()
            self.client.out = None

    # -- what the application asks for (Sink) ----------------------------------------------------------------------

    @property
    def takes_files(self) -> bool:
        return self.tools.sendfile

    def whole(self, status: str, fields: ResponseFields, content: bytes) -> None:
        octets = self.http.respond_whole(status, fields, content, self.close, self.tools.date())
        self._claim(status, fields)
        if self.http.sends_content:
            self.sent = len(content)
        if self.http.excess:
            self._report_excess()
        self._push(octets)

    def start(self, status: str, fields: ResponseFields, length: int | None) -> None:
        self._held = self.http.respond(status, fields, length=length, close=self.close, date=self.tools.date())
        self._claim(status, fields)
        self.wants_content = self.http.sends_content
        self._spool_limit = STREAM_SPOOL if length is None else SPOOL

    def _claim(self, status: str, fields: ResponseFields) -> None:
        self.status = status
        self.fields = fields
        if self.cut:
            raise ClientGone

    def send(self, data: bytes) -> None:
        over = self.http.excess
        octets = self._held + self.http.data(data)
        self._held = b""
        if self.wants_content:
            self.sent += len(data) - (self.http.excess - over)
        self._push(octets)
        self.first_ns = self.first_ns or time.monotonic_ns()

    def send_file(self, fd: int, offset: int, count: int) -> None:
        count = self.http.allowed(count)
        before, after = self.http.file_data(count)
        self.sent += count
        self._hold(self._held + before)
        out = self._output()
        self._held = b""
        out.add_file(fd, offset, count)
        out.add(after)
        self.first_ns = self.first_ns or time.monotonic_ns()
        self._flush(out)

    def finish(self) -> None:
        octets = self._held + self.http.finish()
        self._held = b""
        if octets:
            self._push(octets)
        if self.http.excess:
            self._report_excess()

    def early_hints(self, fields: ResponseFields) -> None:
        """`wsgi.early_hints`: a 103 before the response (RFC 8297)."""
        if octets := self.http.early_hints(fields):
            self._push(octets)

    # -- octets ----------------------------------------------------------------------------------------------------

    def _push(self, octets: bytes) -> None:
        if self.client.out is not None:
            self._hold(octets)
            self._flush(self.client.out)
            return
        try:
            sent = self.tools.line.write(self.client.fd, octets)
        except BlockingIOError:
            sent = 0
        except OSError as exc:
            raise ClientGone from exc
        if sent < len(octets):
            self._hold(memoryview(octets)[sent:])

    def _hold(self, octets: bytes | memoryview) -> None:
        try:
            self._output().add(octets)
        except OSError as exc:
            self.tools.log.error(
                "a response cannot be held for its slow client: %s; it was cut off at %s. Free space in the temporary "
                "directory, or name another one with --tmp-upload-dir.", exc.strerror, self._where(),
            )  # fmt: skip
            raise ClientGone from exc

    def _output(self) -> Output:
        if self.client.out is None:
            self.client.out = Output(self.tools.directory, self.tools.line)
        return self.client.out

    def _flush(self, out: Output) -> None:
        try:
            while not out.flush(self.client.fd) and out.size - out.memory > self._spool_limit - MEMORY:
                self._wait_writable()
        except OSError as exc:
            raise ClientGone from exc
        if not out:
            out.close()
            self.client.out = None

    def _wait_writable(self) -> None:
        """Back-pressure: the producer of an endless response waits here for its slow client."""
        poll = select.poll()
        poll.register(self.client.fd, select.POLLOUT)
        self.waits_for_client = True
        writable = poll.poll(self.tools.write_timeout * 1000 or None)
        self.waits_for_client = False
        if not writable:
            self.tools.log.info(
                "the client took nothing for %.0fs (--write-timeout) at %s", self.tools.write_timeout, self._where()
            )
            raise ClientGone

    def _fail(self, sent: bool, problem: str, *, trace: bool) -> None:
        if self.cut:  # it was answered long ago
            self.abandon()
            return
        cut_off = sent and self.http.lacks_content
        self.tools.log.error("%s%s", problem, "; the response was cut off" if cut_off else "", exc_info=trace)
        self._held = b""
        if not sent:
            self.refuse(500)
        elif self.http.responding:
            self.close = True

    def _report_excess(self) -> None:
        self.tools.log.warning(
            "the application sent %d octets more than its Content-Length at %s; they were left out",
            self.http.excess, self._where(),
        )  # fmt: skip

    def _where(self) -> str:
        return self.head.line.decode("latin-1")
