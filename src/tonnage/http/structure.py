"""Line ends, sizes and counts of a head that is not complete yet: the only faults worth naming before it is.

Each octet is looked at once, so a client that sends one at a time costs no more than one that sends them together.
"""

from __future__ import annotations

from tonnage.errors import RemoteProtocolError
from tonnage.http.grammar import TOKEN_OCTETS
from tonnage.http.limits import Limits

CR = 13


class Watch:
    """Follows the lines of one head as they arrive."""

    __slots__ = ("lines", "seen", "skipped", "start")

    def __init__(self) -> None:
        self.skipped = False  # the one empty line that may precede a request (RFC 9112 2.2)
        self.lines = 0  # complete ones
        self.start = 0  # of the line that is being received
        self.seen = 0

    def look(self, head: bytes | bytearray, limits: Limits) -> None:
        if head and head[0] not in TOKEN_OCTETS:
            raise RemoteProtocolError("no request begins like this")
        while (end := head.find(b"\n", self.seen)) >= 0:
            ends_well = head[end - 1] == CR
            self._measure(end - ends_well, limits)
            if not ends_well:
                raise RemoteProtocolError("a line ends in LF without CR")
            self.lines += 1
            self.start = self.seen = end + 1
        self.seen = len(head)
        self._measure(self.seen - (head[-1:] == b"\r"), limits)

    def _measure(self, end: int, limits: Limits) -> None:
        size = end - self.start
        if self.lines == 0:
            if size > limits.request_line:
                raise RemoteProtocolError("the request line is too long", status=414)
        elif size > limits.field_size - 2:
            raise RemoteProtocolError("a field is too long", status=431)
        elif size > 0 and self.lines > limits.fields:
            raise RemoteProtocolError("there are too many fields", status=431)
        if end > limits.head and self.lines:
            raise RemoteProtocolError("the fields are too long together", status=431)


def inspect(block: bytes, limits: Limits) -> None:
    """The same judgement for a head that came whole."""
    Watch().look(block + b"\r\n", limits)
