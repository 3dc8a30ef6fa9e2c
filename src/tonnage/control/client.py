"""The asking side: connect, send one request, read answers until it is done. Blocks; never used by a server."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tonnage.control import places
from tonnage.control.requests import Answer, Done, Request
from tonnage.control.wire import LONGEST_ANSWER, Lines, decode_answer, encode_request
from tonnage.errors import ControlError

PATIENCE_S = 5.0  # to connect: a supervisor answers in milliseconds, unless a hook holds it up
CREDENTIALS = struct.Struct("3i")  # ucred of unix(7): pid, uid, gid


class Client:
    """Raises ControlError where the server cannot be reached."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(PATIENCE_S)
        try:
            self._sock.connect(places.address(path))
        except OSError as exc:
            self._sock.close()
            raise ControlError(f"no server answers at {path}: {exc.strerror or exc}") from exc
        self._sock.settimeout(None)
        found = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        self.pid: int  # who listens there; 0: in a pid namespace that we do not see
        self.pid, uid, _ = CREDENTIALS.unpack(found)
        if str(path).startswith("@") and not places.may_answer(path, os.geteuid(), uid):
            self._sock.close()
            raise ControlError(f"{path} is answered by user {uid}, who may be anybody")

    def ask(self, request: Request) -> Iterator[Answer]:
        """Answers as they come, to be read to the last, which is Done.

        Raises ControlError when the connection ends before that.
        """
        lines = Lines(LONGEST_ANSWER)
        try:
            self._sock.sendall(encode_request(request))
            while data := self._sock.recv(65536):
                for line in lines.feed(data):
                    answer = decode_answer(line)
                    yield answer
                    if isinstance(answer, Done):
                        return
        except ValueError as exc:
            raise ControlError(f"{self.path} answers what is not understood; another version? {exc}") from exc
        except OSError as exc:
            raise ControlError(f"the connection to {self.path} is lost: {exc.strerror}") from exc
        raise ControlError(f"the server at {self.path} is gone before it was done")

    def close(self) -> None:
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()
