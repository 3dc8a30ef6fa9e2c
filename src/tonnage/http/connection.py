"""One HTTP/1 connection: bytes in, requests out; responses in, bytes out. The only class here that shells use.

It decides where messages begin and end and whether another may follow; it does no I/O and never looks at a clock.
A shell: `receive(bytes)`, then `next()` until None; answer each head by `respond_whole`, or by `respond`, `data`...,
`finish`; close when `keep_alive` is false. On RemoteProtocolError send `refuse(error)` and close.
"""

from __future__ import annotations

from collections.abc import Sequence

from tonnage.errors import LocalProtocolError, RemoteProtocolError
from tonnage.http import state, write
from tonnage.http.limits import Limits, Policy
from tonnage.http.reading import Reading
from tonnage.http.state import DONE, STARTED, WAITING

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ODD_METHODS = frozenset({"HEAD", "CONNECT"})  # their responses are framed otherwise


class Connection(Reading):
    __slots__ = ("_framing", "_left", "_writing", "excess")

    def __init__(self, limits: Limits, policy: Policy, *, trusted: bool = False) -> None:
        """`trusted`: the peer is one of forwarded_allow_ips."""
        super().__init__(limits, policy, trusted=trusted)
        self._writing = WAITING
        self._framing = state.NOTHING
        self._left = 0  # of a response with a length
        self.excess = 0  # octets of content that were not sent, being more than the response's Content-Length

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
        elif self._framing == state.UNTIL_CLOSE:
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
            lines.append(self._policy.kept[head.minor])
        self._left = total or 0
        self._framing = framing
        self.keep_alive = keep
        self._writing = STARTED
        self.excess = 0
        return lines

    @property
    def sends_content(self) -> bool:
        """The response that has begun may have content: it does not answer HEAD, and is not a 204 or 304."""
        return self._framing != state.NOTHING

    @property
    def responding(self) -> bool:
        """A response has begun, and its end was not said."""
        return self._writing == STARTED

    @property
    def unfinished(self) -> bool:
        """The same, and it has content."""
        return self._writing == STARTED and self._framing != state.NOTHING

    @property
    def lacks_content(self) -> bool:
        """The same, and the content that was given is not all."""
        return self.unfinished and (self._framing != state.COUNTED or self._left > 0)

    def data(self, chunk: bytes) -> bytes:
        """Content, framed; b"" where the response may have none.

        Of a chunk that goes over Content-Length the part that fits is returned, and `excess` counts the rest. When
        nothing fits any more, LocalProtocolError: stop asking the application. The response itself is in order.
        """
        if self._writing != STARTED:
            raise LocalProtocolError("content outside a response")
        framing = self._framing
        if framing == state.CHUNKED:
            return b"".join((b"%x\r\n" % len(chunk), chunk, b"\r\n")) if chunk else b""
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

    def finish(self, trailers: Sequence[tuple[str, str]] = ()) -> bytes:
        """The end of a response; trailers go only where there are chunks.

        LocalProtocolError if content is missing: close without pretending that it was all.
        """
        if self._writing != STARTED:
            raise LocalProtocolError("no response to finish")
        if self._framing == state.COUNTED and self._left:
            self._close()
            raise LocalProtocolError(f"the application sent {self._left} octets less than its Content-Length")
        tail = b"0\r\n\r\n" if self._framing == state.CHUNKED else b""
        if trailers and tail:
            lines = [b"0\r\n"]
            write.collect(trailers, lines)
            tail = b"".join([*lines, b"\r\n"])
        self._end()
        return tail

    def refuse(self, error: RemoteProtocolError | int, retry_after_s: int | None = None, *, date: bytes = b"") -> bytes:
        """A whole response that refuses and ends the connection; b"" when a response has begun already."""
        begun = self._writing == STARTED
        content = self.head is None or self.head.method != "HEAD"
        self._close()
        self._writing = STARTED
        self._framing = state.NOTHING
        if begun:
            return b""
        status, advice = (error, "") if isinstance(error, int) else (error.status, error.advice)
        return write.refusal(status, content=content, retry_after_s=retry_after_s, date=date, advice=advice)

    def _end(self) -> None:
        self._writing = WAITING
        self._next_request()
