"""The life of a worker process, whatever its class: become nobody, load, say Ready, serve, drain, exit.

Returns the exit code; the process itself is ended by who forked it (supervisor/spawn.py).
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Collection
from time import monotonic_ns
from typing import Protocol

from tonnage.app.frames import format_exception
from tonnage.app.load import LoadedApp, load_app
from tonnage.config.model import Config
from tonnage.errors import AppLoadError, BootError, TonnageError
from tonnage.messages import Drain, Quit, Ready, ReopenLogs, boot_failed
from tonnage.observe.log import settle
from tonnage.system import privileges, processes
from tonnage.system.scoreboard import Cell, WorkerState
from tonnage.system.seat import Seat
from tonnage.system.signals import WakeUp

SIGNALS = (
    signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1,  # SIGABRT is faulthandler's: supervisor/life.py
    signal.SIGHUP, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH,  # not ours: `pkill -HUP` is no end
)  # fmt: skip


ORPHANED_S = 6.0  # a third of it for the accept queue; then the port is free for the next supervisor
SHORTEST_S = 0.1  # 0 would be no timer at all


class Service(Protocol):
    """What a worker class is to this file: a loop that serves until it has drained or must quit."""

    def watch(self, fd: int, react: Callable[[], None]) -> None: ...
    def unwatch(self, fd: int) -> None: ...
    def run(self) -> None: ...
    def keep_doors(self, numbers: Collection[int]) -> None: ...
    def drain(self, grace_s: float, delay_s: float = 0.0, *, serve_queue: bool = False) -> None: ...
    def quit(self) -> None: ...
    def close(self) -> None: ...


OpenService = Callable[[Seat, LoadedApp], Service]


def load(config: Config) -> LoadedApp:
    """Become nobody, then import the application. Raises TonnageError."""
    privileges.drop(config.user, config.group, initgroups=config.initgroups)
    if config.wsgi_app is None:
        raise AppLoadError("no application was named; give MODULE:NAME on the command line, or wsgi_app in the file")
    app = load_app(config.wsgi_app, [config.chdir, *config.pythonpath])
    settle()
    return app


class Lifecycle:
    def __init__(
        self,
        seat: Seat,
        config: Config,
        log: logging.Logger,
        reopen_logs: Callable[[], None],
        loaded: LoadedApp | None = None,  # by the zygote that we were forked from
    ) -> None:
        self.seat = seat
        self.loaded = loaded
        self.config = config
        self.log = log
        self.reopen_logs = reopen_logs
        self.facade = seat.worker
        self.service: Service | None = None
        self._quits = False  # at once
        self._is_dismissed = False  # told to go before it was known to be ready

    def run(self, open_service: OpenService) -> int:
        seat, cells = self.seat, self.seat.scoreboard.slot(self.seat.slot).cells
        cells[Cell.PID], cells[Cell.GENERATION] = os.getpid(), seat.generation
        cells[Cell.STATE], cells[Cell.BEAT_NS] = WorkerState.BOOTING, monotonic_ns()
        try:
            app = self._load()
            service = self.service = open_service(seat, app)
        except TonnageError as exc:
            return self._boot_failed(exc)
        wake_up = WakeUp(SIGNALS)
        service.watch(wake_up.fileno(), lambda: self._signalled(wake_up.read()))
        service.watch(seat.channel.fileno(), self._told)
        self.facade.booted = True
        cells[Cell.STATE], cells[Cell.READY_NS] = WorkerState.READY, monotonic_ns()
        processes.outlive_reader(seat.stacks)  # from here on the channel tells, and there is something to finish
        seat.channel.send(Ready(os.getpid(), app.kind == "asgi"))
        service.run()
        service.close()
        if not self._quits:  # threads that the application has left are waited for, as at the end of any program
            threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  # what Python does before atexit
        return 0

    def _load(self) -> LoadedApp:
        app = self.loaded or load(self.config)
        if self.config.post_worker_init is not None:
            try:
                self.config.post_worker_init(self.facade)
            except Exception as exc:
                raise BootError(f"the hook post_worker_init raised {type(exc).__name__}: {exc}") from exc
        if self.loaded is None:
            gc.collect()
            gc.freeze()  # what the application imported stays: the collector need not look at it again
        return app

    def _boot_failed(self, exc: TonnageError) -> int:
        cause = exc.__cause__
        detail = format_exception(cause) if cause is not None else ""
        self.seat.channel.send(boot_failed(os.getpid(), exc.exit_code, str(exc), detail))
        return exc.exit_code

    # -- orders ----------------------------------------------------------------------------------------------------

    def _signalled(self, numbers: list[int]) -> None:
        for number in numbers:
            if number == signal.SIGTERM:
                self._drain(Drain(self.config.graceful_timeout, serve_queue=True))
            elif number in (signal.SIGINT, signal.SIGQUIT):
                self._told()  # a supervisor that took us for still loading says so first, and sends SIGINT after it
                if not self._is_dismissed:
                    self._quit()
            elif number == signal.SIGUSR1:
                self.reopen_logs()

    def _told(self) -> None:
        try:
            while message := self.seat.channel.receive():
                match message:
                    case Drain():
                        self._drain(message)
                    case Quit(gently=True):
                        self._is_dismissed = True
                        self._drain(Drain(self.config.graceful_timeout))
                    case Quit():
                        self._is_dismissed = False
                        self._quit()
                    case ReopenLogs():
                        self.reopen_logs()
        except EOFError:
            self._orphaned()

    def _orphaned(self) -> None:
        """Drain as at a stop; since nobody is left to kill us when the grace is over, the kernel is asked to."""
        assert self.service is not None
        self.log.error(
            "worker pid=%d lost its supervisor: it finishes what it has and ends; nobody would replace it or stop it.",
            os.getpid(),
        )
        self.service.unwatch(self.seat.channel.fileno())
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, max(self.config.graceful_timeout, SHORTEST_S))
        self._drain(Drain(ORPHANED_S, serve_queue=True))

    def _drain(self, order: Drain) -> None:
        assert self.service is not None
        self.facade.alive = False
        self.seat.scoreboard.slot(self.seat.slot).cells[Cell.STATE] = WorkerState.DRAINING
        if order.doors is not None:
            self.service.keep_doors(order.doors)
        self.service.drain(order.grace_s, order.delay_s, serve_queue=order.serve_queue)

    def _quit(self) -> None:
        assert self.service is not None
        self._quits = True
        self.facade.alive = False
        if self.config.worker_int is not None:
            self.config.worker_int(self.facade)
        self.service.quit()
