"""The reading half of a connection: octets in, requests out.

Pipelined requests come out one at a time: the next one waits until `_next_request` says that the last is answered.
"""

from __future__ import annotations

from collections.abc import Sequence

from tonnage.errors import RemoteProtocolError
from tonnage.http.body import Chunked
from tonnage.http.fields import Field
from tonnage.http.framing import Section
from tonnage.http.head import LONGEST_KNOWN, RequestHead, parse, parse_repeated
from tonnage.http.limits import Limits, Policy
from tonnage.http.state import BODY, CLOSED, DONE, END, HEAD, End
from tonnage.http.structure import Watch

CR = 13
SLASH = 47


LONGEST_LOGGED = 8192  # octets of a refused request line


class Reading:
    __slots__ = (
        "_at", "_buffer", "_chunked", "_ended", "_known", "_limits", "_owes_continue", "_policy", "_reading", "_tail",
        "_to_read", "_trusted", "_watch", "dropped", "head", "keep_alive", "refused_line",
        "trailers",
    )  # fmt: skip

    def __init__(self, limits: Limits, policy: Policy, *, trusted: bool = False) -> None:
        """`trusted`: the peer is one of forwarded_allow_ips."""
        self._limits = limits
        self._policy = policy
        self._trusted = trusted
        self._buffer: bytes | bytearray = b""
        self._at = 0  # what is before it has been handed out
        self._ended = False
        self.refused_line = b""  # of a head that could not be parsed, for the log
        self.dropped = False  # something was received, or is to come, that nobody will read
        self._reading = HEAD
        self._watch: Watch | None = None  # of a head that came in part
        self._known: Section | None = None  # judged fields of the last request, and
        self._tail = b""  # their octets from the end of the request line on; most clients send them again and again
        self._to_read = 0  # of content with a length
        self._chunked: Chunked | None = None
        self._owes_continue = False
        self.head: RequestHead | None = None  # what is being read or answered, or was refused for its content
        self.trailers: Sequence[Field] = ()
        self.keep_alive = True  # after a response: whether the shell may wait for another request

    def receive(self, data: bytes) -> None:
        """Take what came from the peer; b"" says that nothing more will come."""
        if not data:
            self._ended = True
        elif self._reading == CLOSED:
            self.dropped = True
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
            self.refused_line = self.refused_line or _first_line(self._buffer[self._at :])
            self._close()
            raise
        return None

    def take_over(self) -> bytes:
        """What came after the request that was handed out last: from now on it is for somebody else to understand."""
        rest = bytes(self._buffer[self._at :])
        self._consume(len(self._buffer))
        return rest

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
        try:
            head = parse(block, self._limits, self._policy, trusted=self._trusted)
        except RemoteProtocolError:
            self.refused_line = _first_line(block)
            raise
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

    def _content_is_here(self) -> bool:
        """Content that nobody read can be skipped if we hold all of it; else the next request cannot be found."""
        return self._reading == DONE or (
            self._reading == BODY and self._chunked is None and self._to_read <= self.buffered
        )

    def _next_request(self) -> None:
        """The response is complete: on to the next request, or to nothing."""
        if self._reading != DONE and self.keep_alive:
            self.keep_alive = self._content_is_here()
            self._consume(min(self._at + self._to_read, len(self._buffer)))
        if not self.keep_alive:
            self._close()
            return
        self.head = None
        self.trailers = ()
        self._reading = HEAD

    def _close(self) -> None:
        self.dropped = self.dropped or bool(self._buffer) or self._reading == BODY
        self._reading = CLOSED
        self.keep_alive = False
        self._owes_continue = False
        self._buffer = b""
        self._at = 0


def _first_line(octets: bytes | bytearray) -> bytes:
    return bytes(octets[:LONGEST_LOGGED]).partition(b"\n")[0].rstrip(b"\r")
