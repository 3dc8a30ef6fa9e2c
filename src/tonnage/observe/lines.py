"""An append-only file of lines, written by many processes at once, that never takes the server down with it.

Whole lines go out in one write with O_APPEND, so the kernel keeps those of different processes apart; to a pipe in
pieces of at most PIPE_BUF, the most that it keeps together. When the disk is full or the reader is gone, lines are
dropped and counted, and that is said once, not once a line. Not locked: whoever owns it (a log, a handler) has a lock.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import stat
import sys
from collections.abc import Callable
from typing import Final

from tonnage.errors import ConfigError

HELD: Final = 1 << 20  # octets kept for a reader that does not keep up (only where our end does not block)
STANDARD: Final = {1: "the standard output", 2: "the standard error"}

Owner = tuple[int, int]  # user and group id
Say = Callable[[int, str], None]  # level and sentence


class LineFile:
    """`say` is told, in one sentence, when lines begin to be lost and when they no longer are."""

    def __init__(self, fd: int, name: str, say: Say, *, path: str | None = None, owner: Owner | None = None) -> None:
        self.fd = fd
        self.name = name
        self.held = b""  # what the other end was not ready to take; it goes out first at the next write
        self._say = say
        self._path = path
        self._owner = owner
        self._torn = False  # what stands last in the file is half a line
        self._lost = 0
        self._settle()

    def write(self, lines: bytes) -> None:
        """Takes whole lines."""
        if len(self.held) + len(lines) > HELD:
            self._put(self.held)
            if self.held:
                self._lose(lines, "its reader does not keep up")
                return
        self._put(self.held + lines if self.held else lines)

    def reopen(self) -> None:
        """Take up the file that now has the name: the old one was rotated away.

        The new file takes the place of the old one under the same descriptor, so a write at the same moment goes to
        one or the other. When it cannot be opened, the old one is kept.
        """
        if self._path is None:
            return
        try:
            fresh = _open(self._path)
        except OSError as exc:
            self._say(
                logging.ERROR,
                f"{self.name}: cannot be reopened ({exc.strerror}); lines go on to the file that had this name. "
                "Make the file, or its directory, writable for the user of the workers (--user) and send USR1 again.",
            )
            return
        os.dup2(fresh, self.fd, inheritable=False)
        os.close(fresh)
        self._torn = False
        self._settle()

    def close(self) -> None:
        if self._path is not None:
            os.close(self.fd)

    def _settle(self) -> None:
        mode = os.fstat(self.fd).st_mode
        self._regular = stat.S_ISREG(mode)
        if self._regular and self._path is not None and self._owner is not None and os.geteuid() == 0:
            os.fchown(self.fd, *self._owner)  # or a worker that has become --user could not reopen it

    def _put(self, lines: bytes) -> None:
        mended = self._torn and not self.held
        if mended:
            lines = b"\n" + lines
        self.held = b""
        done, problem = self._send(lines)
        if done:
            self._torn = not lines.endswith(b"\n", 0, done)
        if isinstance(problem, BlockingIOError):
            self.held = lines[done:]
        elif problem is not None:
            self._lose(lines[done or mended :], problem.strerror or str(problem))
        elif lines:
            self._recover()

    def _send(self, lines: bytes) -> tuple[int, OSError | None]:
        """How many octets went out, and what stopped the rest."""
        done, total = 0, len(lines)
        try:
            while done < total:
                done += os.write(self.fd, lines[done : total if self._regular else end_of_piece(lines, done)])
        except OSError as exc:
            return done, exc
        return done, None

    def _recover(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._say(logging.WARNING, f"{self.name}: can be written again; {lost} lines were lost")

    def _lose(self, lines: bytes, why: str) -> None:
        first = not self._lost
        self._lost += lines.count(b"\n")
        if first:
            self._say(
                logging.ERROR,
                f"{self.name}: cannot be written ({why}); its lines are lost until it can. "
                "Requests are served all the same. Free its disk, or mend what reads it.",
            )


def open_lines(path: str, standard: int, setting: str, say: Say, owner: Owner | None = None) -> LineFile:
    """`path` "-" means the descriptor `standard`; `setting` is the name of the setting that says so."""
    try:
        if path == "-":
            return LineFile(_standard(standard), f"{setting} on {STANDARD[standard]}", say)
        absolute = os.path.abspath(path)  # noqa: PTH100 -- pathlib has no form that leaves symbolic links alone
        return LineFile(_open(path), f"{setting} {path}", say, path=absolute, owner=owner)
    except OSError as exc:
        what = f"{path} ({STANDARD[standard]})" if path == "-" else path
        raise ConfigError(
            f"{setting} = {what} cannot be opened for writing: {exc.strerror}. "
            "Make its directory, or its permissions, or choose another file."
        ) from exc


def _standard(fd: int) -> int:
    if (sys.__stdout__, sys.__stderr__)[fd - 1] is None:  # closed at start; by now the number may be a socket's
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return fd


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def end_of_piece(lines: bytes, start: int) -> int:
    """As many whole lines as a pipe takes in one go without mixing them with another process's."""
    if len(lines) - start <= select.PIPE_BUF:
        return len(lines)
    end = lines.rfind(b"\n", start, start + select.PIPE_BUF)
    if end < 0:  # a single line is longer
        end = lines.find(b"\n", start)
    return end + 1 or len(lines)
