"""The frame of a worker's or a zygote's life: from just after the fork to os._exit.

The child never returns into the frames of who forked it: whatever happens, it ends in os._exit. What the application
has registered with atexit is run before, as at the end of any Python program.
"""

from __future__ import annotations

import atexit
import faulthandler
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from tonnage.messages import Leaving, boot_failed
from tonnage.supervisor.cradle import Cradle, guard
from tonnage.system import processes, signals
from tonnage.system.seat import Seat

EXIT_BOOT = 3
# Until the child handles them itself, these must not end it: people send them to every process of a server.
HARMLESS = (
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGWINCH,
)


def be_child(
    log: logging.Logger, stacks: int, mask: signals.Mask, live: Callable[[], int], leave: Callable[[int], None]
) -> NoReturn:
    """`live` gives the exit code; `leave` is what is done before the end, whatever it is."""
    code = 1
    try:
        for number in HARMLESS:
            signal.signal(number, signals.note)
        processes.end_with_reader(stacks)  # whoever gets ready watches the channel instead
        faulthandler.enable(stacks)  # SIGABRT, SIGSEGV...: the stacks of all threads, and then the end
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = live()
    except SystemExit as exc:
        code = _exit_code(exc, log)
    except BaseException:
        log.exception("Process %d ends with an error that nobody caught.", os.getpid())
    finally:
        try:
            leave(code)
        finally:
            os._exit(code & 0xFF)


def be_worker(cradle: Cradle, seat: Seat, mask: signals.Mask) -> NoReturn:
    be_child(
        cradle.log,
        seat.stacks,
        mask,
        live=lambda: _live(cradle, seat),
        leave=lambda code: _say_goodbye(cradle.log, seat, code),
    )


def _live(cradle: Cradle, seat: Seat) -> int:
    hooks, log, worker = cradle.release.hooks, cradle.log, seat.worker
    worker.pid = os.getpid()
    log.info("Booting worker with pid: %d", worker.pid)
    processes.set_title("worker", cradle.release.settings.proc_name)
    try:
        if hooks.post_fork is not None:
            try:
                hooks.post_fork(cradle.server, worker)
            except Exception as exc:  # noqa: BLE001  # the operator's code may raise anything
                reason = f"the hook post_fork raised {type(exc).__name__}: {exc}"
                seat.channel.send(boot_failed(worker.pid, EXIT_BOOT, reason, traceback.format_exc()))
                return EXIT_BOOT
        return cradle.release.work(seat)
    finally:
        log.info("Worker exiting (pid: %d)", worker.pid)
        if (worker_exit := hooks.worker_exit) is not None:
            guard(log, "worker_exit", lambda: worker_exit(cradle.server, worker))


def _exit_code(exc: SystemExit, log: logging.Logger) -> int:
    if exc.code is None or isinstance(exc.code, int):
        return exc.code or 0
    log.error("Process %d exits: %s", os.getpid(), exc.code)
    return 1


def _say_goodbye(log: logging.Logger, seat: Seat, code: int) -> None:
    if code == 0:
        seat.channel.send(Leaving())
    try:
        atexit._run_exitfuncs()  # noqa: SLF001  # os._exit would skip them; there is no public way
    except Exception:
        log.exception("Something registered with atexit raised.")
    flush()
    logging.shutdown()


def flush() -> None:
    """Before a fork, or else what is buffered is written twice; and before os._exit, or else never."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, broken, or None under pythonw-like starts
            stream.flush()
