"""What of a loaded application does not survive a fork: threads, connections.

A fork copies one thread; a lock that another one holds stays held for ever, and what it did is not done any more. A
connection is shared by everybody who has its descriptor: two workers that speak on one socket to a database get each
other's answers. So both are named, and the connections that we know how to close are closed.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from tonnage.config.values import TcpAddress

TASKS = Path("/proc/self/task")
DESCRIPTORS = Path("/proc/self/fd")
LOOKS = 20  # Thread.join() returns before the kernel has taken the thread away
LOOK_S = 0.005


def what_does_not_survive(ours: Collection[int] = ()) -> list[str]:
    """A line each. `ours` are descriptors of the server's own."""
    return [*_close_django(), *_threads(), *_sockets(ours)]


def _threads() -> Iterator[str]:
    named = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in named:
        kind = f"{type(thread).__module__}.{type(thread).__qualname__}"
        yield f"the thread {thread.name!r} ({kind}) runs in the zygote only; start it in the post_fork hook instead"
    with suppress(OSError):
        if (native := _native()) > 0:
            what = "1 thread of compiled code runs" if native == 1 else f"{native} threads of compiled code run"
            yield f"{what} in the zygote only, and may hold locks"


def _native() -> int:
    """Threads that Python does not know. One that has been joined may be in the kernel a moment longer: it gets it."""
    native = 0
    for _ in range(LOOKS):
        native = len(list(TASKS.iterdir())) - threading.active_count()
        if native <= 0:
            break
        time.sleep(LOOK_S)
    return native


def _sockets(ours: Collection[int]) -> Iterator[str]:
    try:
        descriptors = [int(path.name) for path in DESCRIPTORS.iterdir()]
    except OSError:
        return
    for fd in sorted(set(descriptors) - set(ours)):
        if (peer := _peer(fd)) is not None:
            yield (
                f"the connection to {peer} (descriptor {fd}) would be shared by all workers; "
                "close it after the import, or open it in the post_fork hook"
            )


def _peer(fd: int) -> str | None:
    """None: it is no socket, or connected to nobody."""
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            return None
        with socket.socket(fileno=os.dup(fd)) as sock:
            name = sock.getpeername()
    except OSError:
        return None
    if isinstance(name, tuple):
        return str(TcpAddress(str(name[0]), int(name[1]))) if len(name) > 1 else None
    path = name if isinstance(name, str) else os.fsdecode(name)
    return f"unix:{path}" if path else None  # a pair within the process: its own wake-up, mostly


def _close_django() -> Iterator[str]:
    database = sys.modules.get("django.db")
    if database is None:
        return
    for connection in database.connections.all(initialized_only=True):
        if connection.connection is not None:
            with suppress(Exception):  # its driver's own; the warning stands either way
                connection.close()
            yield f"Django's database connection {connection.alias!r} was open after the import; it is closed now"
