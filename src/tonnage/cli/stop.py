"""`tonnage stop`: have a running server finish what it has, or with `--quick` not even that; wait until it is gone."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tonnage.cli import target
from tonnage.control.client import Client
from tonnage.control.requests import Stop
from tonnage.errors import ControlError


def run(words: Sequence[str]) -> int:
    found = target.split(words, "--quick")
    client, _ = target.connect(found)
    with client:
        try:
            stop(client, quick="--quick" in found.switches)
        except KeyboardInterrupt:
            print(
                "tonnage: the server goes on stopping; `tonnage stop --quick` does not let it finish", file=sys.stderr
            )
            raise
    print("stopped")
    return 0


def stop(client: Client, *, quick: bool = False) -> None:
    """Until the process is gone: then its addresses and its pid file are free. Raises ControlError."""
    with _watched(client.pid) as wait_gone:
        done = target.follow(client, Stop(quick))
        if not done.ok:
            raise ControlError(f"not stopped: {target.printable(done.reason)}")
        wait_gone()


@contextmanager
def _watched(pid: int) -> Iterator[Callable[[], object]]:
    """Opened while the process is there, so that it cannot be mistaken for the next with the same pid."""
    try:
        fd = os.pidfd_open(pid)
    except (AttributeError, OSError):  # no Linux, or in another pid namespace: its goodbye has to do
        yield lambda: None
        return
    try:
        yield lambda: select.select([fd], [], [])
    finally:
        os.close(fd)
