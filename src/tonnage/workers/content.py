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

    __slots__ = ("_directory", "_file", "_reader", "length")

    def __init__(self, directory: str | None) -> None:
        self._file: io.BytesIO | io.FileIO = io.BytesIO()
        self._directory = directory
        self._reader: io.BufferedReader | None = None  # kept: when it goes, it closes the file
        self.length = 0

    def add(self, piece: bytes) -> None:
        """Raises OSError (ENOSPC...) when the temporary file cannot take it."""
        self.length += len(piece)
        if self.length > MEMORY and isinstance(self._file, io.BytesIO):
            memory, self._file = self._file, self._to_disk()
            self._write(memory.getbuffer())
        self._write(memoryview(piece))

    def open(self) -> BinaryIO:
        self._file.seek(0)
        if isinstance(self._file, io.BytesIO):
            return self._file
        self._reader = io.BufferedReader(self._file)
        return self._reader

    def close(self) -> None:
        self._file.close()

    def _to_disk(self) -> io.FileIO:
        """Unbuffered: what does not fit is known at once, and nothing is left to be written when it is closed."""
        made = tempfile.TemporaryFile(prefix="tonnage-", buffering=0, dir=self._directory)  # noqa: SIM115 - closed in close()
        assert isinstance(made, io.FileIO)
        return made

    def _write(self, view: memoryview) -> None:
        while view:
            written = self._file.write(view)
            view = view[written:]
