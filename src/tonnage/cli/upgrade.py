"""`tonnage upgrade`: a new supervisor, from what is installed now, takes over from the running one. Or nothing changes.

    1 ask the old one to start the new one beside it, with the same sockets    both serve
    2 wait until every worker of the new one is ready                          both serve
    3 have the old one stop, and wait until it is gone                         the new one serves

When 1 or 2 fails, the new one is stopped again and the old one has never stopped serving. That a worker is ready has
been proven by loading the application, and with `health_path` by a request. Who was asked is known: each step asks the
control socket of the one process that it is about, never "whoever answers at the address".
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress

from tonnage.cli import target
from tonnage.cli.stop import stop
from tonnage.control import places
from tonnage.control.client import Client
from tonnage.control.requests import Upgrade
from tonnage.errors import ControlError

GLANCE_S = 0.2  # between two looks at the new one
PATIENCE_S = 600.0  # where boot_timeout is 0, for ever: a command has to end
GRACE_S = 5.0  # more than boot_timeout, so that the server itself says first what is wrong


def run(words: Sequence[str]) -> int:
    """Raises ControlError when the old supervisor serves on."""
    old, config = target.connect(target.split(words))
    with old:
        done = target.follow(old, Upgrade())
        if not done.ok or done.pid is None:
            raise ControlError(f"not upgraded, supervisor {old.pid} serves on: {target.printable(done.reason)}")
        print(f"supervisor {done.pid} serves beside {old.pid}", flush=True)
        try:
            new = _successor(old, done.pid)
        except ControlError as exc:
            raise ControlError(
                f"not upgraded: supervisor {done.pid} was started, and cannot be asked how it is: {exc}. "
                f"Stop it with `kill -TERM {done.pid}`; or, if all is well, the old one with `kill -TERM {old.pid}`."
            ) from exc
        with new:
            _prove(new, old, (config.boot_timeout or PATIENCE_S) + GRACE_S)
            stop(old)
            target.look(new)  # it may have answered this before it took over pid file and socket; not the next one
            seen = target.look(new)
    print(f"upgraded: supervisor {seen.pid} (tonnage {seen.version}), {seen.ready} of {seen.want} workers ready")
    return 0


def _successor(old: Client, pid: int) -> Client:
    """By its pid in the usual places; else the new one's name for a socket that the settings name."""
    with suppress(ControlError):
        return target.by_pid(pid, os.environ)
    path = old.path.with_name(old.path.name + places.HEIR)
    return target.proven(path, pid)


def _prove(new: Client, old: Client, patience_s: float) -> None:
    """Or undo it."""
    try:
        _wait_ready(new, patience_s)
    except (ControlError, KeyboardInterrupt) as exc:
        with suppress(ControlError):  # gone by itself
            stop(new)
        why = str(exc) or "interrupted"
        raise ControlError(f"not upgraded, supervisor {old.pid} serves on: {why}") from exc


def _wait_ready(new: Client, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while (seen := target.look(new)).ready < seen.want:
        if time.monotonic() > deadline:
            raise ControlError(f"after {patience_s:g} s only {seen.ready} of {seen.want} new workers are ready")
        time.sleep(GLANCE_S)
