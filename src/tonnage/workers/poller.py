"""Wait for descriptors: epoll where there is one, `selectors` elsewhere. Level-triggered, no policy.

A listener is shared by all workers. With EPOLLEXCLUSIVE the kernel wakes one worker that is really waiting, not all of
them, and passes over those that are busy (epoll_ctl(2)).
"""

from __future__ import annotations

import select
import selectors
from typing import Protocol

READ = 1  # EPOLLIN, POLLIN
WRITE = 4  # EPOLLOUT, POLLOUT


class Poller(Protocol):
    def register(self, fd: int, mask: int, /) -> None: ...
    def register_listener(self, fd: int, /) -> None: ...
    def modify(self, fd: int, mask: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...
    def forget(self, fd: int, /) -> None: ...  # before it is closed
    def poll(self, timeout: float, /) -> list[tuple[int, int]]: ...
    def close(self) -> None: ...


class EpollPoller:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.poll = self._epoll.poll
        self.close = self._epoll.close

    def forget(self, fd: int) -> None:
        """Closing takes a descriptor out of an epoll set by itself (epoll(7)): a call less for each."""

    def register_listener(self, fd: int) -> None:
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)


class SelectorsPoller:
    """For kqueue and poll systems: the same four verbs on top of `selectors`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.close = self._selector.close

    def register(self, fd: int, mask: int) -> None:
        self._selector.register(fd, self._events(mask))

    def register_listener(self, fd: int) -> None:
        self.register(fd, READ)

    def modify(self, fd: int, mask: int) -> None:
        self._selector.modify(fd, self._events(mask))

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)

    forget = unregister

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return [
            (key.fd, (READ if events & selectors.EVENT_READ else 0) | (WRITE if events & selectors.EVENT_WRITE else 0))
            for key, events in self._selector.select(timeout)
        ]

    @staticmethod
    def _events(mask: int) -> int:
        return (selectors.EVENT_READ if mask & READ else 0) | (selectors.EVENT_WRITE if mask & WRITE else 0)


def open_poller() -> Poller:
    return EpollPoller() if hasattr(select, "epoll") else SelectorsPoller()
