"""The zygote: it imports the application once, serves nothing, and forks the workers of its generation.

    supervisor ── fork ──> zygote ── fork ──> (gone at once) ── fork ──> worker

The process between is gone at once, so the worker is re-parented to the nearest subreaper: the supervisor, which reaps
it like any other. A worker does not depend on its zygote; a zygote that is killed is replaced, and no request notices.

It has one thread and must keep to that: of several, a fork copies one, with the locks that the others hold. What else
does not survive a fork is looked for after the import (system/audit.py). gc.freeze() keeps the collector of the workers
from writing into the pages that they share: measured, 70 % of the memory is shared with it, 23 % without.
"""

from __future__ import annotations

import gc
import os
import select
from dataclasses import dataclass
from typing import NoReturn

from tonnage.app.frames import format_exception
from tonnage.errors import TonnageError
from tonnage.hooks import Worker
from tonnage.messages import Forked, NotForked, Quit, ReopenLogs, Spawn, ZygoteReady, boot_failed
from tonnage.supervisor.cradle import Cradle, guard
from tonnage.supervisor.life import be_child, be_worker, flush
from tonnage.system import audit, processes, signals
from tonnage.system.channel import Channel
from tonnage.system.seat import Seat


@dataclass(frozen=True, slots=True)
class Egg:
    generation: int
    supervisor_pid: int
    channel: Channel
    stacks: int


def be_zygote(cradle: Cradle, egg: Egg, mask: signals.Mask) -> NoReturn:
    """What the application has registered with atexit is for the workers to run."""
    be_child(cradle.log, egg.stacks, mask, live=lambda: _live(cradle, egg), leave=lambda _: flush())


def _live(cradle: Cradle, egg: Egg) -> int:
    processes.set_title("zygote", cradle.release.settings.proc_name)
    cradle.log.info("Loading the application once, for generation %d (pid: %d)", egg.generation, os.getpid())
    assert cradle.release.load is not None
    try:
        cradle.release.load()
    except TonnageError as exc:
        cause = exc.__cause__
        detail = format_exception(cause) if cause is not None else ""
        egg.channel.send(boot_failed(os.getpid(), exc.exit_code, str(exc), detail))
        return exc.exit_code
    mine = {egg.channel.fileno(), *(listener.sock.fileno() for listener in cradle.listeners)}
    warnings = audit.what_does_not_survive(mine)
    gc.collect()
    gc.freeze()
    processes.outlive_reader(egg.stacks)
    egg.channel.send(ZygoteReady(os.getpid(), warnings))
    return _sleep(cradle, egg)


def _sleep(cradle: Cradle, egg: Egg) -> int:
    poll = select.poll()
    poll.register(egg.channel.fileno(), select.POLLIN)
    while True:
        poll.poll()
        try:
            received = egg.channel.receive_with_fds()
        except EOFError:  # the supervisor is gone; its workers notice themselves
            return 0
        if received is None:
            continue
        match received:
            case (Spawn(age, slot), [channel, stacks]):
                _spawn(cradle, egg, age, slot, channel, stacks)
            case (Quit(), _):
                return 0
            case (ReopenLogs(), _):
                cradle.release.reopen_logs()


def _spawn(cradle: Cradle, egg: Egg, age: int, slot: int, channel: int, stacks: int) -> None:
    release = cradle.release
    worker = Worker(age, egg.supervisor_pid, release.hooks.cfg, cradle.log, timeout=release.settings.timeout_s)
    if (pre_fork := release.hooks.pre_fork) is not None:
        guard(cradle.log, "pre_fork", lambda: pre_fork(cradle.server, worker))
    flush()
    with signals.held_back() as mask:
        try:
            between = os.fork()
        except OSError as exc:
            egg.channel.send(NotForked(age, exc.strerror or str(exc)))
        else:
            if between == 0:
                _fork_again(cradle, egg, worker, slot, channel, stacks, mask)
            if (code := os.waitstatus_to_exitcode(os.waitpid(between, 0)[1])) != 0:
                egg.channel.send(NotForked(age, os.strerror(code) if code > 0 else processes.how_it_ended(code)))
    os.close(channel)
    os.close(stacks)


def _fork_again(
    cradle: Cradle, egg: Egg, worker: Worker, slot: int, channel: int, stacks: int, mask: signals.Mask
) -> NoReturn:
    between = os.getpid()
    try:
        if os.fork():
            os._exit(0)
    except OSError as exc:
        os._exit(exc.errno or 1)
    while os.getppid() == between:  # whoever knows our pid waits for it, and must be our parent by then
        os.sched_yield()
    egg.channel.close()
    os.close(egg.stacks)
    seat = Seat(
        slot, egg.generation, worker.age, egg.supervisor_pid, cradle.listeners, Channel.adopt(channel),
        cradle.release.scoreboard, worker, stacks,
    )  # fmt: skip
    seat.channel.send(Forked(os.getpid()))
    be_worker(cradle, seat, mask)
