"""One HTTP/1 connection: bytes in, requests out; responses in, bytes out. The only class here that shells use.

It decides where messages begin and end and whether another may follow; it does no I/O and never looks at a clock.
A shell: `receive(bytes)`, then `next()` until None; answer each head by `respond_whole`, or by `respond`, `data`...,
`finish`; close when `keep_alive` is false. On RemoteProtocolError send `refuse(error)` and close.
"""

from __future__ import annotations

from collections.abc import Sequence

from tonnage.errors import LocalProtocolError, RemoteProtocolError
from tonnage.http import state, write
from tonnage.http.body import Chunked
from tonnage.http.fields import Field
from tonnage.http.framing import Section
from tonnage.http.head import LONGEST_KNOWN, RequestHead, parse, parse_repeated
from tonnage.http.limits import Limits, Policy
from tonnage.http.state import BODY, CLOSED, DONE, END, HEAD, STARTED, WAITING, End
from tonnage.http.structure import Watch

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CR = 13
ODD_METHODS = frozenset({"HEAD", "CONNECT"})  # their responses are framed otherwise
SLASH = 47


class Connection:
    __slots__ = (
        "_at", "_buffer", "_chunked", "_ended", "_framing", "_known", "_left", "_limits", "_owes_continue", "_policy",
        "_reading", "_tail", "_to_read", "_trusted", "_watch", "_writing", "excess", "head", "keep_alive", "trailers",
    )  # fmt: skip

    def __init__(self, limits: Limits, policy: Policy, *, trusted: bool = False) -> None:
        """`trusted`: the peer is one of forwarded_allow_ips."""
        self._limits = limits
        self._policy = policy
        self._trusted = trusted
        self._buffer: bytes | bytearray = b""
        self._at = 0  # what is before it has been handed out
        self._ended = False
        self._reading = HEAD
        self._writing = WAITING
        self._watch: Watch | None = None  # of a head that came in part
        self.head: RequestHead | None = None  # what is being read or answered, or was refused for its content
        self._known: Section | None = None  # judged fields of the last request, and
        self._tail = b""  # their octets from the end of the request line on: most clients send them again and again
        self._to_read = 0  # of content with a length
        self._chunked: Chunked | None = None
        self._owes_continue = False
        self._framing = state.NOTHING
        self._left = 0  # of a response with a length
        self.keep_alive = True  # after a response: whether the shell may wait for another request
        self.trailers: Sequence[Field] = ()
        self.excess = 0  # octets of content that were not sent, being more than the response's Content-Length

    # -- reading ------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take what came from the peer; b"" says that nothing more will come."""
        if not data:
            self._ended = True
        elif self._reading == CLOSED:
            return
        elif not self._buffer:
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(self._buffer[self._at :])
            else:
                del self._buffer[: self._at]  # moves nothing
            self._at = 0
            self._buffer += data

    @property
    def idle(self) -> bool:
        """Nothing of a request has come that was not answered."""
        return self._reading == HEAD and not self._buffer

    @property
    def buffered(self) -> int:
        """Octets received and not handed out: pipelined requests, say. A shell stops reading when they get many."""
        return len(self._buffer) - self._at

    def next(self) -> RequestHead | bytes | End | None:
        """The next event, or None: more bytes are needed, or the response must be finished first."""
        try:
            if self._reading == HEAD:
                return self._next_head()
            if self._reading == BODY:
                return self._next_content()
        except RemoteProtocolError:
            self._close()
            raise
        return None

    def _next_head(self) -> RequestHead | None:
        data = self._buffer
        at = self._at
        if self._known is not None and self._watch is None:
            line_end = data.find(b"\r\n", at)
            if line_end > at and data.startswith(self._tail, line_end):
                head = parse_repeated(bytes(data[at:line_end]), self._known, self._limits, self._policy)
                if head is not None:
                    self._consume(line_end + len(self._tail))
                    return self._begin_request(head)
        end = data.find(b"\r\n\r\n", at if self._watch is None else max(at, self._watch.seen - 3))
        if end <= at or data[at] == CR:
            return self._part_of_head() if data else None
        block = bytes(data[at:end])
        self._consume(end + 4)
        head = parse(block, self._limits, self._policy, trusted=self._trusted)
        if head.keep_alive and head.target[0] == SLASH:
            self._tail = block[len(head.line) :] + b"\r\n\r\n"
            self._known = head if len(self._tail) <= LONGEST_KNOWN else None
        return self._begin_request(head)

    def _begin_request(self, head: RequestHead) -> RequestHead:
        self._watch = None
        self.head = head
        self._reading = DONE
        if head.has_body:
            self._begin_content(head)
        return head

    def _part_of_head(self) -> RequestHead | None:
        """Skip the one empty line that may come first, and judge what can be judged of an incomplete head."""
        watch = self._watch = self._watch or Watch()
        if self._buffer[self._at : self._at + 2] == b"\r\n" and not watch.skipped:
            watch.skipped = True
            self._consume(self._at + 2)
            return self._next_head()
        if self._ended and self._buffer:
            raise RemoteProtocolError("the connection ended within a head")
        if self._at or isinstance(self._buffer, bytes):
            self._buffer = bytearray(self._buffer[self._at :])
            self._at = 0
        if self._buffer != b"\r" or watch.skipped:
            watch.look(self._buffer, self._limits)
        return None

    def _begin_content(self, head: RequestHead) -> None:
        limit = self._limits.body
        self._reading = BODY
        self._owes_continue = head.expect_continue
        self.trailers = ()
        if head.chunked:
            self._chunked = Chunked(self._limits, self._policy)
            return
        self._to_read = head.content_length or 0
        if limit is not None and self._to_read > limit:
            raise RemoteProtocolError("the content is larger than this server takes", status=413)

    def _next_content(self) -> bytes | End | None:
        data = self._buffer
        if self._chunked is not None:
            content, at, complete = self._chunked.decode(data, self._at)
            self._consume(at)
            if complete:
                self.trailers = self._chunked.trailers
                self._chunked = None
                self._to_read = 0
            if content:
                self._owes_continue = False
                return content
        elif self._to_read:
            piece = bytes(data[self._at : self._at + self._to_read])
            if piece:
                self._owes_continue = False
                self._to_read -= len(piece)
                self._consume(self._at + len(piece))
                return piece
        if self._chunked is None and not self._to_read:
            self._owes_continue = False
            self._reading = DONE
            return END
        if self._ended:
            raise RemoteProtocolError("the connection ended within the content")
        return None

    def _consume(self, to: int) -> None:
        if to == len(self._buffer):
            self._buffer = b""
            self._at = 0
        else:
            self._at = to

    # -- writing ------------------------------------------------------------------------------------------------------

    def wants_continue(self) -> bool:
        """The client waits for a 100 before it sends the content."""
        return self._owes_continue and not self._buffer and self._writing == WAITING

    def continue_(self) -> bytes:
        """The 100, to be sent when somebody wants the content; b"" when none is owed."""
        if not self.wants_continue():
            return b""
        self._owes_continue = False
        return CONTINUE

    def early_hints(self, fields: Sequence[tuple[str, str]]) -> bytes:
        """A 103 (RFC 8297); b"" to HTTP/1.0."""
        if self.head is None or self._writing != WAITING:
            raise LocalProtocolError("early hints after the response began")
        lines = [b"HTTP/1.1 103 Early Hints\r\n"]
        write.collect(fields, lines)
        return b"".join([*lines, b"\r\n"]) if self.head.minor else b""

    def respond(
        self, status: str, fields: Sequence[tuple[str, str]], *, length: int | None, close: bool = False, date: bytes
    ) -> bytes:
        """The head of a response, framed; LocalProtocolError if the application gave what HTTP cannot say.

        `length`: octets of content, if known; an application's Content-Length goes before it. `date`: its whole line.
        After LocalProtocolError nothing has changed, and another response can be given instead.
        """
        lines = self._begin(status, fields, length, close, date)
        return b"".join(lines)

    def respond_whole(
        self, status: str, fields: Sequence[tuple[str, str]], body: bytes, close: bool, date: bytes
    ) -> bytes:
        """`respond`, `data` and `finish` in one; a Content-Length above the body's is a LocalProtocolError."""
        size = len(body)
        lines = self._begin(status, fields, size, close, date, whole=True)
        if self._framing == state.COUNTED:
            if size != self._left:
                self.excess = size - self._left
                body = body[: self._left]
            lines.append(body)
        self._end()
        return b"".join(lines)

    def _begin(
        self, status: str, fields: Sequence[tuple[str, str]], length: int | None, close: bool, date: bytes,
        *, whole: bool = False,
    ) -> list[bytes]:  # fmt: skip
        head = self.head
        if head is None or self._writing != WAITING:
            raise LocalProtocolError("there is no request to answer")
        status_line, kind = write.known_status(status) or write.learn_status(status)
        lines = [status_line]
        declared, flags = write.collect(fields, lines)
        total = length if declared is None else declared
        if kind or total is None or head.method in ODD_METHODS:
            framing, line = write.frame(head.method, kind, head.minor, declared, length)
            lines.append(line)
        elif whole and length is not None and total > length:
            raise LocalProtocolError(f"Content-Length is {total}, but there are {length} octets of content")
        else:
            framing = state.COUNTED
            lines.append(b"Content-Length: %d\r\n" % total)
        if not flags & write.SERVER:
            lines.append(b"Server: tonnage\r\n")
        if not flags & write.DATE:
            lines.append(date)
        keep = head.keep_alive and not (close or flags & write.CLOSE or framing == state.UNTIL_CLOSE)
        if keep and self._reading != DONE:
            keep = self._content_is_here()
        if not keep:
            lines.append(b"Connection: close\r\n\r\n")
        else:
            lines.append(b"\r\n" if head.minor else b"Connection: keep-alive\r\n\r\n")
        self._left = total or 0
        self._framing = framing
        self.keep_alive = keep
        self._writing = STARTED
        self.excess = 0
        return lines

    def _content_is_here(self) -> bool:
        """Content that nobody read can be skipped if we hold all of it; else the next request cannot be found."""
        return self._chunked is None and self._to_read <= self.buffered

    @property
    def sends_content(self) -> bool:
        """The response that has begun may have content: it does not answer HEAD, and is not a 204 or 304."""
        return self._framing != state.NOTHING

    def data(self, chunk: bytes) -> bytes:
        """Content, framed; b"" where the response may have none.

        Of a chunk that goes over Content-Length the part that fits is returned, and `excess` counts the rest. When
        nothing fits any more, LocalProtocolError: stop asking the application. The response itself is in order.
        """
        if self._writing != STARTED:
            raise LocalProtocolError("content outside a response")
        framing = self._framing
        if framing == state.CHUNKED:
            return b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunk else b""
        if framing == state.COUNTED:
            size = len(chunk)
            if size <= self._left:
                self._left -= size
                return chunk
            legal = chunk[: self._left]
            self.excess += size - self._left
            self._left = 0
            if not legal:
                raise LocalProtocolError("the application sent more content than its Content-Length")
            return legal
        return chunk if framing == state.UNTIL_CLOSE else b""

    def allowed(self, count: int) -> int:
        """How many of `count` octets may be sent; for `file_data`."""
        if self._framing == state.COUNTED:
            return min(count, self._left)
        return 0 if self._framing == state.NOTHING else count

    def file_data(self, count: int) -> tuple[bytes, bytes]:
        """What goes before and after `count` octets (not more than `allowed`) that the shell sends by itself."""
        if self._writing != STARTED or count > self.allowed(count):
            raise LocalProtocolError("content outside a response, or more than its Content-Length")
        if self._framing == state.COUNTED:
            self._left -= count
        return (b"%x\r\n" % count, b"\r\n") if self._framing == state.CHUNKED and count else (b"", b"")

    def finish(self) -> bytes:
        """The end of a response. LocalProtocolError if content is missing: close without pretending that it was all."""
        if self._writing != STARTED:
            raise LocalProtocolError("no response to finish")
        if self._framing == state.COUNTED and self._left:
            self._close()
            raise LocalProtocolError(f"the application sent {self._left} octets less than its Content-Length")
        tail = b"0\r\n\r\n" if self._framing == state.CHUNKED else b""
        self._end()
        return tail

    def refuse(self, error: RemoteProtocolError | int, retry_after_s: int | None = None) -> bytes:
        """A whole response that refuses and ends the connection; b"" when a response has begun already."""
        begun = self._writing == STARTED
        content = self.head is None or self.head.method != "HEAD"
        self._close()
        status = error if isinstance(error, int) else error.status
        return b"" if begun else write.refusal(status, content=content, retry_after_s=retry_after_s)

    def _end(self) -> None:
        """The response is complete: on to the next request, or to nothing."""
        if self._reading != DONE and self.keep_alive:
            self.keep_alive = self._content_is_here()
            self._consume(min(self._at + self._to_read, len(self._buffer)))
        if not self.keep_alive:
            self._close()
            return
        self.head = None
        self.trailers = ()
        self._writing = WAITING
        self._reading = HEAD

    def _close(self) -> None:
        self._reading = CLOSED
        self.keep_alive = False
        self._owes_continue = False
        self._buffer = b""
        self._at = 0
