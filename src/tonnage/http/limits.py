"""How much of a request we are willing to hold, and which leniencies the operator has asked for.

Every number bounds memory that a stranger can make us spend, so each has its reason beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

UNLIMITED_LINE = 1024 * 1024  # what "0 = unlimited" means for one line: nobody may fill the memory with a request line
HEAD = 256 * 1024
UNLIMITED_FIELDS = 32768
LARGEST = 2**63 - 1  # the largest size that a file offset, and every peer we know, can hold


@dataclass(frozen=True, slots=True)
class Limits:
    request_line: int = 8190  # octets without CRLF; RFC 9112 3 asks for 8,000, Apache and Gunicorn stop at 8,190
    fields: int = 100  # Gunicorn's and Apache's default; browsers send about 15, a proxy chain adds 10
    field_size: int = 8190  # octets of one field line with its CRLF, as Gunicorn counts
    head: int = HEAD  # all lines together: 100 lines of 8 KiB each would be 800 KiB for every slow client
    body: int | None = None  # octets of content; None = unlimited
    chunk_line: int = 1024  # a size has 16 digits at most, the rest is extensions that nobody uses
    chunk_extensions: int = 16 * 1024  # of one body together (RFC 9112 7.1.1 asks for such a limit)
    trailers: int = 8190  # octets of a whole trailer section; checksums and timings are what is seen there
    least: int = field(init=False, repr=False)  # a head of at most this size breaks no limit on sizes

    def __post_init__(self) -> None:
        object.__setattr__(self, "least", min(self.request_line, self.field_size - 2, self.head))

    @classmethod
    def of(cls, *, request_line: int, fields: int, field_size: int, body: int) -> Limits:
        """The limits from settings, where 0 means unlimited (for lines: 1 MiB, for fields: 32,768)."""
        line = request_line or UNLIMITED_LINE
        size = field_size or UNLIMITED_LINE
        return cls(line, fields or UNLIMITED_FIELDS, size, max(HEAD, line + 4 * size), body or None)


@dataclass(frozen=True, slots=True)
class Policy:
    """Leniencies, all off; their names are Gunicorn's. Each one widens what can be smuggled past a proxy."""

    header_map: Literal["drop", "refuse", "dangerous"] = "drop"  # what becomes of a field name with an underscore
    forwarder_fields: frozenset[str] = frozenset({"SCRIPT_NAME", "PATH_INFO"})  # such names a trusted peer may send
    permit_unconventional_method: bool = False
    permit_unconventional_version: bool = False
    permit_obsolete_folding: bool = False
    casefold_method: bool = False
    strip_field_spaces: bool = False
    keep_alive_s: int = 0  # how long an idle connection is kept, told to clients; 0: not told
    kept: tuple[bytes, bytes] = field(init=False, repr=False)  # the end of a kept response's head, by minor version

    def __post_init__(self) -> None:
        object.__setattr__(self, "forwarder_fields", frozenset(name.upper() for name in self.forwarder_fields))
        object.__setattr__(self, "kept", self._kept())

    def _kept(self) -> tuple[bytes, bytes]:
        """An idle connection can only be closed unannounced, so its end is told beforehand (RFC 2068 19.7.1.1).

        Clients that look at it (undici, Apache HttpClient) send nothing into a connection that is about to close.
        """
        if not self.keep_alive_s:
            return b"Connection: keep-alive\r\n\r\n", b"\r\n"
        told = b"Connection: keep-alive\r\nKeep-Alive: timeout=%d\r\n\r\n" % self.keep_alive_s
        return told, told
