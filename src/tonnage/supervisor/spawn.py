"""From an order to a running worker: fork, give back what belongs to the supervisor, work, exit.

The child never returns into the supervisor's frames: whatever happens, it ends in os._exit. What the application has
registered with atexit is run before, as at the end of any Python program; threads it left behind are not waited for.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from tonnage.hooks import Server, Worker
from tonnage.messages import BootFailed
from tonnage.supervisor.orders import Spawn
from tonnage.supervisor.settings import Hooks, Settings
from tonnage.system import processes, signals
from tonnage.system.channel import Channel, pair
from tonnage.system.listeners import Listener
from tonnage.system.scoreboard import Scoreboard
from tonnage.system.seat import Seat

EXIT_BOOT = 3
# Until the worker handles them itself, these must not end it: people send them to every process of a server.
HARMLESS = (
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGWINCH,
)


@dataclass(slots=True)
class Member:
    """A worker as the supervisor holds it."""

    age: int
    slot: int
    pid: int
    channel: Channel  # our end
    worker: Worker
    listening: bool = True  # there may be more to hear from it
    reaped: bool = False  # from then on the pid may be anybody's


@dataclass(frozen=True, slots=True)
class Cradle:
    """Everything a worker is made of, the same for all of them."""

    work: Callable[[Seat], int]
    settings: Settings
    hooks: Hooks
    server: Server
    listeners: list[Listener]
    scoreboard: Scoreboard
    log: logging.Logger
    belongings: list[Callable[[], None]]  # each called in the child: closes what belongs to the supervisor alone


def guard(log: logging.Logger, name: str, call: Callable[[], object]) -> None:
    """Run a hook; what it raises is its author's to mend, and no reason to stop serving."""
    try:
        call()
    except Exception:
        log.exception("The hook %s raised; the server goes on. Mend it where the settings are, or take it out.", name)


def spawn(order: Spawn, cradle: Cradle) -> Member:
    """Raises OSError when there can be no other process, or no channel to it."""
    hooks, log = cradle.hooks, cradle.log
    cradle.scoreboard.clear(order.slot)
    ours, theirs = pair()
    worker = Worker(order.age, os.getpid(), hooks.cfg, log, timeout=cradle.settings.timeout_s)
    seat = Seat(
        order.slot,
        order.generation,
        order.age,
        os.getpid(),
        cradle.listeners,
        theirs,
        cradle.scoreboard,
        worker,
    )
    if (pre_fork := hooks.pre_fork) is not None:
        guard(log, "pre_fork", lambda: pre_fork(cradle.server, worker))
    _flush()
    with signals.held_back() as mask:
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            _be_worker(cradle, seat, ours, mask)
    theirs.close()
    worker.pid = pid
    return Member(order.age, order.slot, pid, ours, worker)


def _be_worker(cradle: Cradle, seat: Seat, ours: Channel, mask: signals.Mask) -> NoReturn:
    code = 1
    try:
        atexit._clear()  # noqa: SLF001  # the supervisor's; there is no public way
        ours.close()
        for close in cradle.belongings:
            close()
        for number in HARMLESS:
            signal.signal(number, signals.note)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = _live(cradle, seat)
    except SystemExit as exc:
        code = _exit_code(exc, cradle.log)
    except BaseException:
        cradle.log.exception("Worker (pid: %d) ends with an error that nobody caught.", os.getpid())
    finally:
        try:
            _say_goodbye(cradle.log)
        finally:
            os._exit(code & 0xFF)


def _live(cradle: Cradle, seat: Seat) -> int:
    hooks, log, worker = cradle.hooks, cradle.log, seat.worker
    worker.pid = os.getpid()
    log.info("Booting worker with pid: %d", worker.pid)
    processes.set_title("worker", cradle.settings.proc_name)
    try:
        if hooks.post_fork is not None:
            try:
                hooks.post_fork(cradle.server, worker)
            except Exception as exc:  # noqa: BLE001  # the operator's code may raise anything
                reason = f"the hook post_fork raised {type(exc).__name__}: {exc}"
                seat.channel.send(BootFailed(worker.pid, EXIT_BOOT, reason, traceback.format_exc()))
                return EXIT_BOOT
        return cradle.work(seat)
    finally:
        log.info("Worker exiting (pid: %d)", worker.pid)
        if (worker_exit := hooks.worker_exit) is not None:
            guard(log, "worker_exit", lambda: worker_exit(cradle.server, worker))


def _exit_code(exc: SystemExit, log: logging.Logger) -> int:
    if exc.code is None or isinstance(exc.code, int):
        return exc.code or 0
    log.error("Worker (pid: %d) exits: %s", os.getpid(), exc.code)
    return 1


def _say_goodbye(log: logging.Logger) -> None:
    try:
        atexit._run_exitfuncs()  # noqa: SLF001  # os._exit would skip them; there is no public way
    except Exception:
        log.exception("Something registered with atexit raised.")
    _flush()
    logging.shutdown()


def _flush() -> None:
    """Before a fork, or else what is buffered is written twice; and before os._exit, or else never."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, broken, or None under pythonw-like starts
            stream.flush()
