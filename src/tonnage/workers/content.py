"""The content of a request, read by the loop before the application is called: memory, then a temporary file.

A slow upload so costs a connection and some memory or disk, never an application thread.
"""

from __future__ import annotations

import io
import tempfile
from typing import BinaryIO

MEMORY = 512 * 1024  # octets; above, a temporary file


class Content:
    """Collects the pieces; `open()` gives what becomes `wsgi.input`."""

    __slots__ = ("_directory", "_file", "length")

    def __init__(self, directory: str | None) -> None:
        self._file: BinaryIO = io.BytesIO()
        self._directory = directory
        self.length = 0

    def add(self, piece: bytes) -> None:
        """Raises OSError (ENOSPC...) when the temporary file cannot take it."""
        self.length += len(piece)
        if self.length > MEMORY and isinstance(self._file, io.BytesIO):
            on_disk = tempfile.TemporaryFile(prefix="tonnage-", dir=self._directory)  # noqa: SIM115 - closed in close()
            on_disk.write(self._file.getbuffer())
            self._file = on_disk
        self._file.write(piece)

    def open(self) -> BinaryIO:
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        self._file.close()
