"""What a client has not taken yet: memory first, then one temporary file, flushed by the loop.

So an application's thread is free as soon as its response is produced. Only a response that outgrows the file's limit
too makes its producer wait (back-pressure); that is the Exchange's decision, this class only counts.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from typing import BinaryIO

from tonnage.workers.line import PLAIN, Line

MEMORY = 256 * 1024  # octets held in memory before a file takes over
SPOOL = 1024**3  # octets of one response in a temporary file before the producer has to wait
BLOCK = 1024 * 1024  # octets offered to one sendfile(2)


class FilePart:
    """Octets of an open file which are still to be sent; owns its descriptor."""

    __slots__ = ("count", "fd", "offset")

    def __init__(self, fd: int, offset: int, count: int) -> None:
        self.fd = fd
        self.offset = offset
        self.count = count

    def close(self) -> None:
        os.close(self.fd)


class Output:
    """Pending octets of one connection, in order."""

    __slots__ = ("_directory", "_line", "_parts", "_spool", "_spooled", "memory", "size")

    def __init__(self, directory: str | None, line: Line = PLAIN) -> None:
        self._parts: deque[bytes | memoryview | FilePart] = deque()
        self._directory = directory
        self._line = line
        self._spool: BinaryIO | None = None
        self._spooled: FilePart | None = None  # the part that still grows, when it is the last one
        self.memory = 0
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, data: bytes | memoryview) -> None:
        """Raises OSError (ENOSPC...) when the temporary file cannot take it."""
        if not data:
            return
        self.size += len(data)
        if self.memory + len(data) <= MEMORY and self._spooled is None:
            self._parts.append(data)
            self.memory += len(data)
        else:
            self._add_to_spool(data)

    def add_file(self, fd: int, offset: int, count: int) -> None:
        """The descriptor is duplicated: the application may close its file at once."""
        self._parts.append(FilePart(os.dup(fd), offset, count))
        self._spooled = None
        self.size += count

    def flush(self, fd: int) -> bool:
        """Send what the non-blocking socket takes; True when nothing is left. Raises OSError: the client is gone."""
        parts = self._parts
        while parts:
            part = parts[0]
            try:
                sent = self._send_file(fd, part) if isinstance(part, FilePart) else self._line.write(fd, part)
            except BlockingIOError:
                return False
            self.size -= sent
            if isinstance(part, FilePart):
                if part.count == 0:
                    self._drop_file(part)
                continue
            self.memory -= sent
            if sent == len(part):
                parts.popleft()
            else:
                parts[0] = memoryview(part)[sent:]
        return True

    def close(self) -> None:
        for part in self._parts:
            if isinstance(part, FilePart):
                part.close()
        self._parts.clear()
        self._spooled = None
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _add_to_spool(self, data: bytes | memoryview) -> None:
        if self._spool is None:
            self._spool = tempfile.TemporaryFile(prefix="tonnage-", buffering=0, dir=self._directory)  # noqa: SIM115 - closed in close()
        offset = self._spool.seek(0, os.SEEK_END)
        view = memoryview(data)
        while view:
            written = self._spool.write(view)  # not inside the slice: mypyc calls it twice there
            view = view[written:]
        if self._spooled is None:
            self._spooled = FilePart(os.dup(self._spool.fileno()), offset, 0)
            self._parts.append(self._spooled)
        self._spooled.count += len(data)

    def _drop_file(self, part: FilePart) -> None:
        part.close()
        self._parts.popleft()
        if part is self._spooled and self._spool is not None:
            self._spooled = None
            self._spool.truncate(0)

    def _send_file(self, fd: int, part: FilePart) -> int:
        sent = self._line.send_file(fd, part.fd, part.offset, min(part.count, BLOCK))
        if sent == 0:
            raise ConnectionAbortedError("the file shrank while it was sent")
        part.offset += sent
        part.count -= sent
        return sent
