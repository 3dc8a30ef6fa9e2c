"""What is asked, and what is the right answer to it. Octets only.

Every request has a path of its own, which the application (applications.py) repeats with the length and the checksum of
the content it has got: an answer that belongs to another request, or to half of this one, is seen.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

END_OF_HEAD = b"\r\n\r\n"


class NotHttpError(Exception):
    """What came is no response."""


@dataclass(frozen=True, slots=True)
class Question:
    path: str
    octets: bytes
    answer: bytes  # how the content of the right answer begins

    @classmethod
    def ask(cls, method: str, path: str, *, keep: bool, content: int = 0) -> Question:
        body = (path.encode() * (content // len(path) + 1))[:content]
        fields = ["Host: show", f"Connection: {'keep-alive' if keep else 'close'}"]
        if method == "POST":
            fields += [f"Content-Length: {len(body)}", "Content-Type: application/octet-stream"]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""])
        return cls(path, head.encode() + body, f"{path} {len(body)} {zlib.crc32(body)} ".encode())


class Answer:
    """Collects one response, which ends with its Content-Length, or else with the connection."""

    __slots__ = ("_content_at", "_head", "_length", "_octets", "status")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._head = b""
        self._content_at = 0
        self._length: int | None = None  # None: not told
        self.status = 0

    @property
    def received(self) -> int:
        return len(self._octets)

    @property
    def content(self) -> bytes:
        return bytes(self._octets[self._content_at :])

    @property
    def author(self) -> tuple[str, str]:
        """The version of the application that has answered, and the process; as applications.py tells them."""
        version, process = [*self.content.decode().split()[3:5], "?", "?"][:2]
        return version, process

    @property
    def keeps(self) -> bool:
        """The server will take another request on this connection."""
        return self._length is not None and b"\nconnection: close" not in self._head and b"http/1.1" in self._head

    def receive(self, data: bytes) -> bool:
        """Whether it is whole. Raises NotHttpError."""
        self._octets += data
        if not self._head and not self._read_head():
            return False
        return self._length is not None and len(self._octets) - self._content_at >= self._length

    def whole_at_end(self) -> bool:
        """The connection has ended; was that the end of the answer?"""
        return bool(self._head) and self._length is None

    def _read_head(self) -> bool:
        end = self._octets.find(END_OF_HEAD)
        if end < 0:
            return False
        self._head, self._content_at = bytes(self._octets[:end]).lower(), end + len(END_OF_HEAD)
        words = self._head.partition(b"\r\n")[0].split()
        if len(words) < 2 or not words[0].startswith(b"http/1.") or not words[1].isdigit():
            raise NotHttpError(repr(self._head[:60]))
        self.status = int(words[1])
        _, marked, rest = self._head.partition(b"\ncontent-length:")
        self._length = int(rest.partition(b"\r\n")[0]) if marked else None
        return True
