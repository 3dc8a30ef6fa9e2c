"""Accepting, with a door that answers what accept(2) can answer."""

from __future__ import annotations

import errno
import logging
import socket
from typing import cast

import pytest

from tonnage.app.environ import Gateway
from tonnage.workers.client import Door, Peer
from tonnage.workers.poller import Poller
from tonnage.workers.reception import Reception

DOOR = Door(socket.socket(), Gateway("", "", multithread=False, multiprocess=False, software=""), "", is_unix=False)
DOOR.sock.close()


class Scripted:
    """A door behind which the given answers wait: errors, or descriptors."""

    def __init__(self, *answers: int | OSError) -> None:
        self.answers = list(answers)

    def fileno(self) -> int:
        return 5

    def take(self) -> tuple[int, Door, Peer]:
        answer = self.answers.pop(0) if self.answers else BlockingIOError()
        if isinstance(answer, OSError):
            raise answer
        return answer, DOOR, None

    def close(self) -> None:
        """There is nothing to close."""


class Hall:
    def __init__(self, *answers: int | OSError, room: int = 10) -> None:
        self.door = Scripted(*answers)
        self.welcomed: list[int] = []
        self.reception = Reception(
            [self.door],
            cast("Poller", None),
            has_room=lambda: len(self.welcomed) < room,
            welcome=lambda _door, fd, _peer: self.welcomed.append(fd),
            log=logging.getLogger("tests.reception"),
        )

    def accept(self) -> bool:
        return self.reception.accept(self.door)


def test_all_who_wait_are_taken_and_then_nobody_is_left() -> None:
    hall = Hall(7, 8, 9)
    assert hall.accept()
    assert hall.welcomed == [7, 8, 9]


def test_nobody_is_taken_for_whom_there_is_no_room() -> None:
    hall = Hall(7, 8, 9, room=2)
    assert not hall.accept()
    assert hall.welcomed == [7, 8]


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.ENETUNREACH, errno.EPERM])
def test_a_connection_that_has_failed_already_is_passed_over(number: int) -> None:
    hall = Hall(OSError(number, "gone"), 7)
    assert hall.accept()
    assert hall.welcomed == [7]


def test_without_descriptors_it_says_so_and_tries_again_later(caplog: pytest.LogCaptureFixture) -> None:
    hall = Hall(OSError(errno.EMFILE, "Too many open files"), 7)
    assert not hall.accept()
    assert not hall.welcomed
    assert not hall.reception.nobody_waits()
    assert "ulimit -n" in caplog.text


def test_an_error_of_the_listener_itself_is_not_hidden() -> None:
    with pytest.raises(OSError, match="bad"):
        Hall(OSError(errno.EBADF, "bad")).accept()
