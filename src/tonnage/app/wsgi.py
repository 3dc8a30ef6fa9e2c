"""Call a WSGI application (PEP 3333) and turn what it does into calls on a Sink. No socket is known here.

`start_response` is a machine of three states: nothing said, head said, head sent. The head is held back until the first
octet of content, so that an exception before it still becomes a clean 500, and so that head and content leave in one
send.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import BinaryIO, Protocol

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
ResponseFields = Sequence[tuple[str, str]]
Environ = dict[str, object]
Write = Callable[[bytes], None]
JOIN_LIMIT = 65536  # octets of a list response that are joined into one send; above it each piece goes by itself


class Sink(Protocol):
    """Where a response goes. Each method may raise LocalProtocolError (the application's fault) or ClientGone."""

    wants_content: bool  # after start(): False for HEAD, 204, 304

    @property
    def takes_files(self) -> bool: ...  # by send_file()

    def whole(self, status: str, fields: ResponseFields, content: bytes) -> None: ...
    def start(self, status: str, fields: ResponseFields, length: int | None) -> None: ...
    def send(self, data: bytes) -> None: ...
    def send_file(self, fd: int, offset: int, count: int) -> None: ...
    def finish(self) -> None: ...


class ClientGone(Exception):  # noqa: N818 - not an error of anybody's
    """The client closed the connection, or took nothing for `write_timeout`."""


class FileWrapper:
    """`wsgi.file_wrapper`: a real file leaves by sendfile(2), anything else block by block."""

    def __init__(self, filelike: BinaryIO, blksize: int = 65536) -> None:
        self.filelike = filelike
        self.blksize = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        while block := self.filelike.read(self.blksize):
            yield block


class Call:
    """One call of the application."""

    __slots__ = ("fields", "sent", "sink", "status")

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.status: str | None = None
        self.fields: ResponseFields = ()
        self.sent = False

    def start_response(self, status: str, fields: ResponseFields, exc_info: ExcInfo | None = None) -> Write:
        if exc_info:
            try:
                if self.sent and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no cycle through the frame (PEP 3333)
        elif self.status is not None:
            raise AssertionError("start_response was called a second time without exc_info")
        self.status = status
        self.fields = fields
        return self.write

    def write(self, data: bytes) -> None:
        """The imperative way to send content; goes out before the call returns."""
        if data:
            if not self.sent:
                self._start(None)
            self.sink.send(data)

    def run(self, application: Callable[..., object], environ: Environ) -> None:
        """Raises whatever the application raises; its `close()` has been called by then."""
        result = application(environ, self.start_response)
        if type(result) is list or type(result) is tuple:  # neither has anything to close
            self._pieces(result)
            return
        try:
            self._respond(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def _respond(self, result: object) -> None:
        if isinstance(result, FileWrapper) and self.sink.takes_files and (part := file_part(result.filelike)):
            self._file(part)
        else:
            self._iterate(result)  # type: ignore[arg-type]  # not iterable: the TypeError names the application's type

    def _pieces(self, pieces: Sequence[bytes]) -> None:
        content = pieces[0] if len(pieces) == 1 else None
        if content is None and sum(map(len, pieces)) <= JOIN_LIMIT:
            content = b"".join(pieces)
        if content is None or self.sent:
            length = sum(map(len, pieces))
            self._iterate(pieces, length)
            return
        if self.status is None:
            raise AssertionError("the application returned without calling start_response")
        self.sink.whole(self.status, self.fields, content)
        self.sent = True

    def _iterate(self, pieces: Iterable[bytes], length: int | None = None) -> None:
        for piece in pieces:
            if not piece:
                continue
            if not self.sent:
                self._start(length)
            if not self.sink.wants_content:
                break
            self.sink.send(piece)
        if not self.sent:
            self._start(0)
        self.sink.finish()

    def _file(self, part: tuple[int, int, int]) -> None:
        fd, offset, count = part
        if not self.sent:
            self._start(count)
        if self.sink.wants_content and count:
            self.sink.send_file(fd, offset, count)
        self.sink.finish()

    def _start(self, length: int | None) -> None:
        if self.status is None:
            raise AssertionError("content was given before start_response was called")
        self.sink.start(self.status, self.fields, length)
        self.sent = True


def file_part(filelike: BinaryIO) -> tuple[int, int, int] | None:
    """(fd, offset, octets to the end) of a regular file, or None: then it is read block by block."""
    if not _is_plain(filelike):
        return None
    try:
        fd = filelike.fileno()
        info = os.fstat(fd)
        offset = filelike.tell()
    except (AttributeError, OSError, ValueError):  # BytesIO, pipes, closed files, wrappers without tell
        return None
    if not stat.S_ISREG(info.st_mode) or info.st_size == 0:  # files of /proc say 0 and have content
        return None
    return fd, offset, max(0, info.st_size - offset)


def _is_plain(filelike: object) -> bool:
    """Its content is that of its descriptor: a GzipFile has one too, of the compressed file."""
    for _ in range(3):  # Django's File around a TemporaryFile around the file
        if isinstance(filelike, io.FileIO | io.BufferedReader | io.BufferedRandom):
            return True
        filelike = getattr(filelike, "file", None)
    return False
