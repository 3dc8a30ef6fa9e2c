"""One connection of the client and the one request on it. Knows how each of its ends is to be called.

`send` and `receive` never block; what ends badly is raised as Ended, with the outcome that it is for the request.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from .outcomes import Failure, Outcome
from .ways import Way
from .wire import Answer, NotHttpError, Question

RECEIVE = 65536
GONE = (ConnectionResetError, BrokenPipeError)


class Ended(Exception):  # noqa: N818 -- an end is no error until somebody says so
    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


@dataclass(slots=True)
class Visit:
    """One request, from the time at which it is due."""

    way: Way
    question: Question
    due: float
    sent: float = 0.0  # when its last octet was given to the kernel
    link: Link | None = None
    done: bool = False

    def failure(self, outcome: Outcome, detail: str, now: float) -> Failure:
        link = self.link
        facts = (link.answered > 0, link.answer.received, link.port) if link is not None else (False, 0, 0)
        return Failure(outcome, detail, self.way.name, self.question.path, self.due, self.sent, now, *facts)


class Link:
    __slots__ = ("_left", "answer", "answered", "connected", "port", "sock", "visit", "way")

    def __init__(self, way: Way) -> None:
        """Raises BlockingIOError when a Unix socket's accept queue is full, OSError when there is no connection."""
        self.way = way
        self.visit: Visit | None = None
        self.answer = Answer()
        self.answered = 0  # requests before this one
        self.port = 0
        self._left = b""
        self.sock = socket.socket(socket.AF_UNIX if isinstance(way.target, str) else socket.AF_INET)
        self.sock.setblocking(False)
        try:
            self.sock.connect(way.target)
            self.connected = True
        except BlockingIOError as exc:
            self.connected = False
            if exc.errno != errno.EINPROGRESS:
                self.sock.close()
                raise
        except OSError:
            self.sock.close()
            raise

    def begin(self, visit: Visit) -> None:
        visit.link = self
        self.visit, self.answer, self._left = visit, Answer(), visit.question.octets

    @property
    def untouched(self) -> bool:
        """A kept one on which nothing of this request was sent."""
        return self.answered > 0 and self.visit is not None and len(self._left) == len(self.visit.question.octets)

    def finish_connect(self) -> None:
        """Raises Ended if it came to nothing."""
        problem = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            outcome = Outcome.RESET if problem == errno.ECONNRESET else Outcome.REFUSED
            raise Ended(outcome, errno.errorcode.get(problem, str(problem)))
        self.connected = True

    def is_alive(self) -> bool:
        """For a kept one, before anything is sent: the server has not ended it."""
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # its end, or octets that nobody has asked for

    def send(self, now: float) -> bool:
        """Whether all is sent. Raises Ended."""
        assert self.visit is not None
        try:
            while self._left:
                self._left = self._left[self.sock.send(self._left) :]
        except BlockingIOError:
            return False
        except GONE as exc:
            raise Ended(Outcome.RESET, f"{name_of(exc)} at sending") from None
        self.visit.sent = now
        if self.port == 0 and self.sock.family == socket.AF_INET:
            self.port = self.sock.getsockname()[1]
        return True

    def receive(self) -> bool:
        """Whether the answer is whole and right. Raises Ended if it will never be."""
        assert self.visit is not None
        try:
            data = self.sock.recv(RECEIVE)
        except BlockingIOError:
            return False
        except GONE as exc:
            raise Ended(Outcome.RESET, name_of(exc)) from None
        try:
            whole = self.answer.receive(data) if data else self._at_end()
        except NotHttpError as exc:
            raise Ended(Outcome.BODY, f"no HTTP: {exc}") from None
        if whole:
            self._judge()
        return whole

    def _at_end(self) -> bool:
        if self.answer.whole_at_end():
            return True
        raise Ended(Outcome.CLOSED, "in the middle of the answer" if self.answer.received else "without an answer")

    def _judge(self) -> None:
        assert self.visit is not None
        if self.answer.status != 200:
            raise Ended(Outcome.STATUS, str(self.answer.status))
        if not self.answer.content.startswith(self.visit.question.answer):
            raise Ended(Outcome.BODY, repr(self.answer.content[:80]))


def name_of(exc: OSError) -> str:
    return errno.errorcode.get(exc.errno or 0, type(exc).__name__)
