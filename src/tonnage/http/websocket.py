"""RFC 6455 after the handshake: octets in, messages out; messages in, octets out.

The package `websockets` judges the frames: structure, masks, sizes, fragments, control frames, permessage-deflate
(RFC 7692). Nearly every frame is a whole message that has come in one piece; `_whole` reads those by itself, three
times as fast, and leaves all others to it. tests/unit/http/test_websocket_twins.py holds the two to the same results.

A shell: `receive(octets)` until nothing is `unseen`, or `receive_end()`; hand on the messages, send `take()`.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import Final

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from tonnage.errors import LocalProtocolError

try:
    from websockets.speedups import apply_mask
except ImportError:  # of a build without its C part
    from websockets.utils import apply_mask

Message = str | bytes

QUIET = logging.getLogger("websockets.server.tonnage")  # it would tell of every connection at level INFO
QUIET.setLevel(logging.WARNING)

# The first two octets of a frame, as a client may send them
TEXT: Final = 0x81  # final, and not a part
BINARY: Final = 0x82
DEFLATED: Final = 0x40
MASKED: Final = 0x80
SHORTEST_LONG: Final = MASKED + 126  # the length follows, in 2 octets
LONGEST: Final = MASKED + 127  # in 8
LENGTH_OCTETS: Final = {126: 2, 127: 8}
UNLIMITED: Final = sys.maxsize
AT_ONCE: Final = 128 * 1024  # octets of content looked at in one call, where
FRAME_COSTS: Final = 512  # each frame counts as so many more: 256 empty ones take about a millisecond
LONGEST_REASON: Final = 123  # octets: a control frame has 125, the code takes 2


@dataclass(frozen=True, slots=True)
class Closed:
    """How it ended, by whoever began to close it. 1005: a Close without a code; 1006: no Close at all."""

    code: int
    reason: str = ""


NO_CLOSE: Final = Closed(1006)


class WebSocket:
    __slots__ = (
        "_awaited",
        "_deflate",
        "_head",
        "_is_fragmented",
        "_is_text",
        "_left",
        "_limit",
        "_most",
        "_part",
        "_protocol",
        "_purse",
        "closed",
        "failed",
        "owes",
        "unseen",
    )

    def __init__(self, protocol: ServerProtocol, most: int) -> None:
        """`protocol` is OPEN; `most` octets in a message, 0 for no limit."""
        self._protocol = protocol
        extension = protocol.extensions[0] if protocol.extensions else None
        assert extension is None or isinstance(extension, PerMessageDeflate)
        self._deflate = extension
        self._limit = most or None
        self._most = most or UNLIMITED
        self._part = bytearray()  # of a message that comes in fragments
        self._is_fragmented = False  # the message that is coming
        self._is_text = False
        self._head = bytearray()  # of a frame that goes the long way, and
        self._left = 0  # what is to come of it: where the next frame begins
        self._awaited = b""  # what the pong to our last ping must say
        self._purse = 0  # what may still be spent in this call
        self.unseen = b""  # to be given to `receive` again, when others have had their turn
        self.closed: Closed | None = None  # after this nothing is received
        self.owes = False  # `take` has something
        self.failed = False  # by a frame that breaks the protocol: the client may be sending at this moment

    # -- receiving -------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Message]:
        """The messages that are complete. A frame that breaks the protocol ends it: see `closed`, and send `take()`."""
        messages: list[Message] = []
        at, size = 0, len(data)
        self._purse = AT_ONCE
        while at < size and self.closed is None and self._purse > 0:
            if not self._left and not self._head and not self._is_fragmented:
                at = self._whole(data, at, messages)
                if at == size or self.closed is not None or self._purse <= 0:
                    break
            end = self._end_of_frame(data, at)
            self._by_the_book(data[at:end], messages)
            at = end
        self.unseen = data[at:] if at < size and self.closed is None else b""
        return messages

    def receive_end(self) -> None:
        """The client sends nothing more."""
        self._protocol.receive_eof()
        if self.closed is None:
            self.closed = self._ours() or NO_CLOSE

    def _whole(self, data: bytes, at: int, messages: list[Message]) -> int:
        """Take whole messages in single frames from `at` on; return where something else begins."""
        size, most, purse = len(data), self._most, self._purse
        while size - at >= 6 and purse > 0:
            kind, length = data[at], data[at + 1]
            start = at + 6
            if MASKED <= length < SHORTEST_LONG:
                length -= MASKED
            elif length == SHORTEST_LONG:
                length = data[at + 2] << 8 | data[at + 3]
                start += 2
            else:
                break
            end = start + length
            plain = kind & ~DEFLATED
            if end > size or length > most or (plain != TEXT and plain != BINARY):  # noqa: PLR1714 - a set costs more
                break
            octets = apply_mask(data[start:end], data[start - 4 : start])
            if kind & DEFLATED:
                if self._deflate is None:
                    break
                inflated = self._inflate(kind, octets)
                if inflated is None:
                    return end
                octets = inflated
            self._add(octets, plain == TEXT, messages)
            at = end
            purse -= FRAME_COSTS + len(octets)
            if self.closed is not None:
                break
        self._purse = purse
        return at

    def _inflate(self, kind: int, octets: bytes) -> bytes | None:
        assert self._deflate is not None
        frame = Frame(Opcode(kind & 0xF), octets, fin=True, rsv1=True)
        try:
            return bytes(self._deflate.decode(frame, max_size=self._limit).data)
        except PayloadTooBig as exc:
            self.fail(CloseCode.MESSAGE_TOO_BIG, str(exc))
        except ProtocolError as exc:
            self.fail(CloseCode.PROTOCOL_ERROR, str(exc))
        return None

    def _end_of_frame(self, data: bytes, at: int) -> int:
        """Where the frame ends that `data` goes on with, or the data; only heads are looked at."""
        size, head = len(data), self._head
        while not self._left and at < size:
            head.append(data[at])
            at += 1
            if len(head) < 2 or len(head) < 2 + LENGTH_OCTETS.get(head[1] & 127, 0):
                continue
            self._left = int.from_bytes(head[2:]) if len(head) > 2 else head[1] & 127
            self._left += 4 if head[1] & MASKED else 0
            head.clear()
            break
        taken = min(self._left, size - at)
        self._left -= taken
        return at + taken

    def _by_the_book(self, data: bytes, messages: list[Message]) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        self.owes = bool(protocol.writes)
        for event in protocol.events_received():
            assert isinstance(event, Frame)
            self._purse -= FRAME_COSTS + len(event.data)
            self._see(event, messages)
        if protocol.parser_exc is not None:
            self.failed = True
            self.closed = self._ours()

    def _see(self, frame: Frame, messages: list[Message]) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._is_text = frame.opcode is Opcode.TEXT
            self._part += frame.data
            self._is_fragmented = not frame.fin
            if frame.fin:
                octets = bytes(self._part)
                self._part = bytearray()
                self._add(octets, self._is_text, messages)
        elif frame.opcode is Opcode.PONG and frame.data == self._awaited:
            self._awaited = b""
        elif frame.opcode is Opcode.CLOSE:
            theirs = self._protocol.close_rcvd
            assert theirs is not None
            first = self._protocol.close_rcvd_then_sent
            self.closed = Closed(int(theirs.code), theirs.reason) if first else self._ours()

    def _add(self, octets: bytes, is_text: bool, messages: list[Message]) -> None:
        if not is_text:
            messages.append(octets)
            return
        try:
            messages.append(octets.decode())
        except UnicodeDecodeError as exc:
            self.fail(CloseCode.INVALID_DATA, f"{exc.reason} at position {exc.start}")

    def _ours(self) -> Closed | None:
        sent = self._protocol.close_sent
        return None if sent is None else Closed(int(sent.code), sent.reason)

    # -- sending ---------------------------------------------------------------------------------------------------

    def text(self, message: str) -> bytes:
        return self._frame(TEXT, message.encode())

    def binary(self, message: bytes) -> bytes:
        return self._frame(BINARY, message)

    def _frame(self, kind: int, octets: bytes) -> bytes:
        if self._protocol.state is not OPEN:
            raise LocalProtocolError("a message after the WebSocket was closed")
        if self._deflate is not None:
            octets = bytes(self._deflate.encode(Frame(Opcode(kind & 0xF), octets)).data)
            kind |= DEFLATED
        size = len(octets)
        if size < 126:
            return b"%c%c%b" % (kind, size, octets)
        if size < 65536:
            return b"%c\x7e%b%b" % (kind, size.to_bytes(2), octets)
        return b"%c\x7f%b%b" % (kind, size.to_bytes(8), octets)

    def ping(self, mark: bytes) -> bytes:
        """`answered` is false until the pong to it comes."""
        self._awaited = mark
        self._protocol.send_ping(mark)
        return self.take()

    @property
    def answered(self) -> bool:
        return not self._awaited

    def close(self, code: int, reason: str = "") -> bytes:
        """Begin to close; what the client has sent before it answers is still received.

        Raises LocalProtocolError for a code or a reason that cannot be.
        """
        if self._protocol.state is not OPEN:
            raise LocalProtocolError("the WebSocket was closed already")
        try:
            Close(code, reason).check()
        except ProtocolError:
            raise LocalProtocolError(f"the close code {code!r} may not be sent (RFC 6455 7.4)") from None
        if len(reason.encode()) > LONGEST_REASON:
            raise LocalProtocolError(f"the reason of a close has at most {LONGEST_REASON} octets")
        self._protocol.send_close(code, reason)
        return self.take()

    def fail(self, code: int, reason: str) -> None:
        """Close, and look at nothing that the client still sends (RFC 6455 7.1.7)."""
        self.failed = self.owes = True
        self._protocol.fail(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
        self.closed = self._ours() or NO_CLOSE

    @property
    def is_open(self) -> bool:
        """Messages may be sent."""
        return self._protocol.state is OPEN

    def take(self) -> bytes:
        """Octets to send: pongs and closes."""
        self.owes = False
        return b"".join(self._protocol.data_to_send())

    @property
    def ended(self) -> bool:
        """What `take` has given is all; the client is to see the end of the stream after it."""
        return self._protocol.eof_sent
