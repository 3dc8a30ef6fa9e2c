"""Chunked content -> octets (RFC 9112 7.1). Content with a length needs no decoder: connection.py counts it.

Sizes, extensions and trailers are bounded, and whatever is not exactly the grammar is refused: two readers of one
sloppy chunk are how requests are smuggled.
"""

from __future__ import annotations

from typing import Final

from tonnage.errors import RemoteProtocolError
from tonnage.http import grammar
from tonnage.http.fields import UNDERSCORE, Field, learn_line
from tonnage.http.limits import Limits, Policy

# What comes next
SIZE: Final = 0
DATA: Final = 1
DATA_END: Final = 2
TRAILERS: Final = 3
OVER: Final = 4

# RFC 9110 6.5.1: what frames, routes, authenticates or describes must be known before the content
FORBIDDEN_TRAILERS = frozenset(
    b"transfer-encoding content-length host trailer te connection keep-alive upgrade expect authorization"
    b" proxy-authorization proxy-authenticate www-authenticate cookie set-cookie content-type content-encoding"
    b" content-range range cache-control max-forwards pragma if-match if-none-match if-modified-since"
    b" if-unmodified-since if-range forwarded".split(),
)


class Chunked:
    __slots__ = ("_extensions", "_left", "_limits", "_policy", "_room", "_step", "trailers")

    def __init__(self, limits: Limits, policy: Policy) -> None:
        self._limits = limits
        self._policy = policy
        self._step = SIZE
        self._left = 0  # of the current chunk
        self._room = limits.body  # what may still come; None = any amount
        self._extensions = 0
        self.trailers: list[Field] = []

    def decode(self, data: bytes | bytearray, at: int) -> tuple[bytes, int, bool]:
        """All content that is there, where the unread octets begin, and whether the body is complete."""
        pieces: list[bytes | bytearray] = []
        while self._step != OVER:
            before = at
            if self._step == DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._step = DATA_END
            else:
                at = self._frame(data, at)
            if at == before:
                break
        return b"".join(pieces), at, self._step == OVER

    def _frame(self, data: bytes | bytearray, at: int) -> int:
        """Take what stands between pieces of content; the same position when there is too little of it."""
        if self._step == SIZE:
            line = self._line(data, at)
            if line is None:
                return at
            self._left = self._size(line)
            self._step = DATA if self._left else TRAILERS
            return at + len(line) + 2
        if self._step == TRAILERS:
            return self._trailers(data, at)
        end = data[at : at + 2]
        if not b"\r\n".startswith(end):
            raise RemoteProtocolError("a chunk is longer than its size says")
        if len(end) < 2:
            return at
        self._step = SIZE
        return at + 2

    def _line(self, data: bytes | bytearray, at: int) -> bytes | None:
        limit = self._limits.chunk_line
        end = data.find(b"\n", at, at + limit + 2)
        if end < 0:
            if len(data) - at > limit + 1:
                raise RemoteProtocolError("a chunk size line is too long")
            return None
        if end == at or data[end - 1] != 13:
            raise RemoteProtocolError("a chunk size line ends in LF without CR")
        return bytes(data[at : end - 1])

    def _size(self, line: bytes) -> int:
        digits, semicolon, _ = line.partition(b";")
        if semicolon:
            digits = digits.rstrip(grammar.OWS)
            extensions = line[len(digits) :]
            self._extensions += len(extensions)
            if self._extensions > self._limits.chunk_extensions or not grammar.is_extension(extensions):
                raise RemoteProtocolError("chunk extensions that are malformed or too long")
        size = grammar.parse_chunk_size(digits)
        if self._room is not None:
            if size > self._room:
                raise RemoteProtocolError("the content is larger than this server takes", status=413)
            self._room -= size
        return size

    def _trailers(self, data: bytes | bytearray, at: int) -> int:
        if data[at : at + 2] == b"\r\n":
            self._step = OVER
            return at + 2
        limit = self._limits.trailers
        end = data.find(b"\r\n\r\n", at, at + limit + 4)
        section = bytes(data[at : end if end >= 0 else at + limit + 4])
        if section.count(b"\n") != section.count(b"\r\n"):
            raise RemoteProtocolError("a trailer ends in LF without CR")
        if end < 0:
            if len(section) == limit + 4:
                raise RemoteProtocolError("the trailers are too long", status=431)
            return at
        lines = section.split(b"\r\n")
        if len(lines) > self._limits.fields:
            raise RemoteProtocolError("there are too many trailers", status=431)
        self.trailers = [field for line in lines if (field := self._trailer(line))]
        self._step = OVER
        return end + 4

    def _trailer(self, line: bytes) -> Field | None:
        field = learn_line(line, self._policy)
        if field.name in FORBIDDEN_TRAILERS:
            raise RemoteProtocolError("a field that may not be a trailer")
        if field.role != UNDERSCORE or self._policy.header_map == "dangerous":
            return field
        if self._policy.header_map == "refuse":
            raise RemoteProtocolError("a trailer's name has an underscore (header_map = refuse)")
        return None
