"""The listeners of one worker: when to listen, and how many connections to take at a time.

All workers share the listeners, so a connection that is not taken here is taken by a sibling: a worker listens only
while it would serve a new connection at once.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Protocol

from tonnage.system.queues import accept_queue
from tonnage.workers.client import Door, Entrance, Peer

ACCEPTS = 16  # connections taken in one turn, so that those we have get theirs
TURN_S = 0.1  # no more in one turn when serving them takes so long, for there may be orders to hear
ASK_S = 0.01  # a Unix socket's queue costs 20 microseconds to ask for
RETRY_S = 1.0  # after the process or the machine ran out of files
ONE_CLIENT = {  # what accept(2) passes on of a connection that has already failed; EPERM is a firewall's
    getattr(errno, name, None)
    for name in [
        "ECONNABORTED",
        "EPROTO",
        "ENETDOWN",
        "ENOPROTOOPT",
        "EHOSTDOWN",
        "ENONET",
        "EHOSTUNREACH",
        "EOPNOTSUPP",
        "ENETUNREACH",
        "EPERM",
    ]
}
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Welcome = Callable[[Door, int, Peer], None]


class Ears(Protocol):
    """What tells that somebody knocks."""

    def register_listener(self, fd: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...


class Reception:
    def __init__(
        self, doors: Sequence[Entrance], poller: Ears, *, has_room: Callable[[], bool], welcome: Welcome,
        log: logging.Logger, crowd: Callable[[int, int, int], None] | None = None,
    ) -> None:  # fmt: skip
        """`crowd` is told of accept queues with more than one in them: which listener, how many, in which second."""
        self.doors = {door.fileno(): door for door in doors}
        self._numbers = {door.fileno(): number for number, door in enumerate(doors)}
        self._poller = poller
        self._has_room = has_room
        self._welcome = welcome
        self.siblings = False  # there are any; looked up once a second
        self._log = log
        self._open = False
        self._not_before = 0.0
        self._crowd = crowd
        self._ask_at = 0.0

    def review(self, now: float) -> None:
        """Listen, or stop listening, as there is room."""
        wanted = now >= self._not_before and self._has_room()
        if wanted == self._open:
            return
        self._open = wanted
        for fd in self.doors:
            if wanted:
                self._poller.register_listener(fd)
            else:
                self._poller.unregister(fd)

    def close(self) -> None:
        """For good. The kernel goes on taking connections in for whoever holds a listener, serving them or not."""
        self.keep(())

    def keep(self, numbers: Collection[int]) -> None:
        """Close the others for good."""
        self.pause()
        for fd in [fd for fd in self.doors if self._numbers[fd] not in numbers]:
            self.doors.pop(fd).close()

    def pause(self) -> None:
        """Until the next `review`."""
        if self._open:
            self._open = False
            for fd in self.doors:
                self._poller.unregister(fd)

    def nobody_waits(self) -> bool:
        """Take what waits at any door, as far as there is room; True when nobody is left in any accept queue."""
        if monotonic() < self._not_before:
            return False
        return all([self.accept(door) for door in self.doors.values()])  # noqa: C419 - each is asked

    def accept(self, door: Entrance) -> bool:
        """Take what waits, each served before the next is taken, while there is room; whether nobody is left."""
        empty = False
        taken = 0
        until = monotonic() + TURN_S
        for _ in range(ACCEPTS):
            if not self._has_room():
                break
            try:
                fd, real, peer = door.take()
            except BlockingIOError:
                empty = True
                break
            except OSError as exc:
                if exc.errno in ONE_CLIENT:
                    continue
                self._cannot_accept(exc)
                break
            taken += 1
            self._welcome(real, fd, peer)
            if monotonic() > until:
                break
        if taken > 1 or not empty:
            self._measure(door, taken, empty=empty)
        if self.siblings and self._open:
            self._go_to_the_back()
        return empty

    def take(self, most: int) -> Iterator[tuple[Door, int, Peer]]:
        """Who waits, room or not; it is for the caller to send them away."""
        for door in self.doors.values():
            for _ in range(most):
                try:
                    fd, real, peer = door.take()
                except OSError:  # nobody is left, or there is no descriptor to refuse them with
                    break
                yield real, fd, peer

    def _go_to_the_back(self) -> None:
        """The kernel wakes the first of the waiters: without this, kept connections pile up on one worker."""
        for fd in self.doors:
            self._poller.unregister(fd)
            self._poller.register_listener(fd)

    def _measure(self, door: Entrance, taken: int, *, empty: bool) -> None:
        """Those who were taken had all waited, if the application was quick; of the others only the kernel knows."""
        if self._crowd is None or not isinstance(door, Door):
            return
        now = monotonic()
        if not empty and now >= self._ask_at:
            self._ask_at = now + ASK_S
            with suppress(OSError):  # the kernel does not say
                taken = max(taken, accept_queue(door.sock).waiting)
        self._crowd(self._numbers[door.fileno()], taken, int(now))

    def _cannot_accept(self, exc: OSError) -> None:
        if exc.errno not in OUT_OF_FILES:
            raise exc
        self._not_before = monotonic() + RETRY_S
        self._log.error(
            "cannot accept connections: %s; they wait in the accept queue, next try in %.0f s. "
            "Raise the limit of open files (ulimit -n, LimitNOFILE=) or lower --worker-connections.",
            exc.strerror, RETRY_S,
        )  # fmt: skip
