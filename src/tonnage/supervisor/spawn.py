"""From an order to a running process: fork, or have the zygote fork."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tonnage import messages
from tonnage.hooks import Worker
from tonnage.supervisor import zygote
from tonnage.supervisor.cradle import Cradle, Member, guard
from tonnage.supervisor.life import be_worker, flush
from tonnage.supervisor.orders import Hatch, Spawn
from tonnage.supervisor.state import NO_SLOT
from tonnage.system import signals
from tonnage.system.channel import Channel, pair
from tonnage.system.seat import Seat


@dataclass(slots=True)
class _Ends:
    """Of the channel and of the pipe for stacks."""

    ours: Channel
    theirs: Channel
    stacks_read: int
    stacks_write: int

    def keep_ours(self) -> None:
        self.theirs.close()
        os.close(self.stacks_write)

    def keep_theirs(self) -> None:
        self.ours.close()
        os.close(self.stacks_read)


def fork_worker(order: Spawn, cradle: Cradle) -> Member:
    """Raises OSError when there can be no other process, or no channel to it."""
    hooks = cradle.release.hooks
    cradle.release.scoreboard.clear(order.slot)
    worker = new_worker(order.age, cradle)
    with _connected() as ends:
        seat = Seat(
            order.slot, order.generation, order.age, os.getpid(), cradle.listeners, ends.theirs,
            cradle.release.scoreboard, worker, ends.stacks_write,
        )  # fmt: skip
        if (pre_fork := hooks.pre_fork) is not None:
            guard(cradle.log, "pre_fork", lambda: pre_fork(cradle.server, worker))
        worker.pid = _fork(ends, cradle, lambda mask: be_worker(cradle, seat, mask))
    return _member(order.age, order.slot, order.generation, ends, cradle, worker)


def ask_zygote(order: Spawn, cradle: Cradle, parent: Member) -> Member:
    """The worker says itself that it is there. Raises OSError."""
    cradle.release.scoreboard.clear(order.slot)
    worker = new_worker(order.age, cradle)
    with _connected() as ends:
        fds = [ends.theirs.fileno(), ends.stacks_write]
        if not parent.channel.send(messages.Spawn(order.age, order.slot), fds):
            raise BlockingIOError(0, f"its zygote (pid: {parent.pid}) does not listen")
    ends.keep_ours()
    return _member(order.age, order.slot, order.generation, ends, cradle, worker)


def hatch(order: Hatch, cradle: Cradle) -> Member:
    """Raises OSError."""
    worker = new_worker(order.age, cradle)
    with _connected() as ends:
        egg = zygote.Egg(order.generation, os.getpid(), ends.theirs, ends.stacks_write)
        worker.pid = _fork(ends, cradle, lambda mask: zygote.be_zygote(cradle, egg, mask))
    return _member(order.age, NO_SLOT, order.generation, ends, cradle, worker)


def new_worker(age: int, cradle: Cradle) -> Worker:
    release = cradle.release
    return Worker(age, os.getpid(), release.hooks.cfg, cradle.log, timeout=release.settings.timeout_s)


@contextmanager
def _connected() -> Iterator[_Ends]:
    """All four are closed when it fails inside."""
    ours, theirs = pair()
    try:
        ends = _Ends(ours, theirs, *os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError:
        ours.close()
        theirs.close()
        raise
    try:
        yield ends
    except OSError:
        ends.keep_ours()
        ends.keep_theirs()
        raise


def _fork(ends: _Ends, cradle: Cradle, be: Callable[[signals.Mask], object]) -> int:
    flush()
    with signals.held_back() as mask:
        pid = os.fork()
        if pid == 0:
            try:
                atexit._clear()  # noqa: SLF001  # the supervisor's; there is no public way
                ends.keep_theirs()
                for close in (*cradle.belongings, cradle.close_others):
                    close()
            finally:
                be(mask)
    ends.keep_ours()
    return pid


def _member(age: int, slot: int, generation: int, ends: _Ends, cradle: Cradle, worker: Worker) -> Member:
    return Member(age, slot, generation, worker.pid, ends.ours, ends.stacks_read, worker, cradle)
