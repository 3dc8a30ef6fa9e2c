"""The supervisor's one thread: wait, learn facts, let the policy decide, carry out its orders.

Decides nothing (policy.py), says nothing in its own words (report.py), and never waits for a worker: what it reads does
not block, what it sends is dropped when nobody takes it. Hooks run here, and are the one thing that can hold it up.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

from tonnage import __version__, messages
from tonnage.errors import ConfigError
from tonnage.hooks import Server, ServerHook
from tonnage.supervisor.crew import Crew
from tonnage.supervisor.facts import (
    Fact,
    ForkFailed,
    ReopenAsked,
    ScaleAsked,
    StopAsked,
    Tick,
    WorkerExited,
    WorkerForked,
)
from tonnage.supervisor.orders import (
    Announce,
    CloseListeners,
    Drain,
    Finish,
    Kill,
    Order,
    Quit,
    ReopenLogs,
    Spawn,
    WantChanged,
)
from tonnage.supervisor.policy import step, wake_at
from tonnage.supervisor.report import report, report_kill
from tonnage.supervisor.settings import Hooks, Settings
from tonnage.supervisor.spawn import Cradle, guard
from tonnage.supervisor.state import NEVER, State
from tonnage.system.listeners import Listener, close_listeners
from tonnage.system.pidfile import PidFile
from tonnage.system.processes import set_title
from tonnage.system.readiness import Readiness
from tonnage.system.scoreboard import Scoreboard
from tonnage.system.seat import Seat
from tonnage.system.signals import WakeUp

EXIT_BUG = 255  # Gunicorn's

MEANINGS: dict[int, Fact] = {
    signal.SIGTERM: StopAsked(),
    signal.SIGINT: StopAsked(quick=True),
    signal.SIGQUIT: StopAsked(quick=True),
    signal.SIGTTIN: ScaleAsked(+1),
    signal.SIGTTOU: ScaleAsked(-1),
    signal.SIGUSR1: ReopenAsked(),
}
NOT_BUILT: dict[int, str] = {signal.SIGHUP: "Reload", signal.SIGUSR2: "Upgrade"}
IGNORED = (signal.SIGWINCH,)  # comes with every change of a terminal's size
SIGNALS = (*MEANINGS, *NOT_BUILT, *IGNORED, signal.SIGCHLD)


def run(
    settings: Settings,
    work: Callable[[Seat], int],
    listen: Callable[[], list[Listener]],
    scoreboard: Scoreboard,
    *,
    log: logging.Logger,
    hooks: Hooks | None = None,
    reopen_logs: Callable[[], None] = lambda: None,
) -> int:
    """Serve until told to stop; the exit code.

    `work` is what a worker does: it runs in the child, and what it returns is the worker's exit code. `listen` is
    called once, when the pid file is ours and on_starting has run. Raises PidFileError, ConfigError, and what `listen`
    raises.
    """
    hooks = hooks or Hooks()
    log.info("Starting tonnage %s", __version__)
    with ExitStack() as cleanup:
        wakeup = WakeUp(SIGNALS)
        cleanup.callback(wakeup.close)
        readiness = Readiness(settings.ready_fd)
        cleanup.callback(readiness.close)
        belongings = [wakeup.close, readiness.close]
        if settings.pidfile is not None:
            pidfile = PidFile(settings.pidfile)
            pidfile.claim()
            cleanup.callback(pidfile.release)
            belongings.append(pidfile.forget)
        server = Server(hooks.cfg, log, os.getpid(), (), settings.workers)
        _start_hook(hooks, server)
        listeners = listen()
        cleanup.callback(close_listeners, listeners, unlink=True)
        server.address = tuple(str(listener.address) for listener in listeners)
        cradle = Cradle(work, settings, hooks, server, listeners, scoreboard, log, belongings)
        return Supervisor(cradle, wakeup, readiness, reopen_logs).run()


def _start_hook(hooks: Hooks, server: Server) -> None:
    if hooks.on_starting is not None:
        try:
            hooks.on_starting(server)
        except Exception as exc:
            raise ConfigError(f"the hook on_starting raised {type(exc).__name__}: {exc}") from exc


class Supervisor:
    def __init__(self, cradle: Cradle, wakeup: WakeUp, readiness: Readiness, reopen_logs: Callable[[], None]) -> None:
        self._cradle = cradle
        self._log = cradle.log
        self._wakeup = wakeup
        self._readiness = readiness
        self._reopen_logs = reopen_logs
        self._selector = selectors.DefaultSelector()
        self._selector.register(wakeup, selectors.EVENT_READ)
        self._crew = Crew(cradle, self._selector)
        cradle.belongings.extend([self._selector.close, self._crew.close])
        self._state = State(cradle.settings.rules(cradle.scoreboard.slots), cradle.settings.workers)
        self._facts: deque[Fact] = deque([Tick()])
        self._exit_code: int | None = None

    def run(self) -> int:
        settings = self._cradle.settings
        self._log.info("Using worker: %s", settings.worker_class)
        set_title("supervisor", settings.proc_name)
        self._count_changed(settings.workers, None)
        gc.collect()
        gc.freeze()  # the collector of a worker then leaves the pages alone that it shares with us
        try:
            code = self._serve()
        except Exception:  # noqa: BLE001  # nothing may escape while workers live
            self._log.critical("The supervisor has a bug and stops. Please report what follows.", exc_info=True)
            code = EXIT_BUG
        finally:
            self._crew.end(settings.graceful_timeout_s)
            self._selector.close()
        self._hook("on_exit", self._cradle.hooks.on_exit)
        self._log.info("Shutting down: supervisor (pid: %d)", os.getpid())
        return code

    def _serve(self) -> int:
        while self._exit_code is None:
            self._turn()
        return self._exit_code

    def _turn(self) -> None:
        """One fact, so that no signal has to wait for a series of anything."""
        now = time.monotonic()
        self._learn(0.0 if self._facts else wake_at(self._state, now) - now)
        fact = self._facts.popleft() if self._facts else Tick()
        for order in step(self._state, fact, time.monotonic()):
            self._carry_out(order)
        if isinstance(fact, WorkerExited):
            self._crew.bury(fact.age)

    def _learn(self, patience_s: float) -> None:
        for key, _ in self._selector.select(None if patience_s == NEVER else max(0.0, patience_s)):
            if key.data is None:
                for number in self._wakeup.read():
                    self._take_signal(number)
            else:
                self._facts.extend(self._crew.hear(key.data))

    def _take_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._facts.extend(self._crew.reap())
            return
        if number in IGNORED:
            return
        self._log.info("Handling signal: %s", signal.Signals(number).name.removeprefix("SIG").lower())
        if number in NOT_BUILT:
            self._log.warning("%s by signal is not built yet: nothing is done. Restart instead.", NOT_BUILT[number])
            return
        self._facts.append(MEANINGS[number])

    def _carry_out(self, order: Order) -> None:
        match order:
            case Spawn() | Drain() | Quit() | Kill():
                self._steer(order)
            case ReopenLogs():
                self._reopen_logs()
                self._crew.tell_all(messages.ReopenLogs())
            case Announce():
                self._announce()
            case CloseListeners():
                close_listeners(self._cradle.listeners, unlink=True)
            case WantChanged(new, old):
                self._count_changed(new, old)
            case Finish(exit_code):
                self._exit_code = exit_code
            case _:
                report(self._log, order, self._crew.pid)

    def _steer(self, order: Spawn | Drain | Quit | Kill) -> None:
        match order:
            case Spawn():
                self._spawn(order)
            case Drain(age, grace_s):
                if not self._crew.tell(age, messages.Drain(grace_s)):
                    self._crew.signal(age, signal.SIGTERM)
            case Quit(age):
                if not self._crew.tell(age, messages.Quit()) or self._crew.is_loading(age):
                    self._crew.signal(age, signal.SIGINT)  # who loads the application does not read, but dies of it
            case Kill(age):
                report_kill(self._log, order, self._crew.pid)
                self._crew.signal(age, signal.SIGKILL)

    def _spawn(self, order: Spawn) -> None:
        try:
            self._crew.spawn(order)
        except OSError as exc:
            self._facts.append(ForkFailed(order.age, exc.strerror or str(exc)))
        else:
            self._facts.append(WorkerForked(order.age))

    def _announce(self) -> None:
        urls = [listener.url for listener in self._cradle.listeners]
        self._log.info("Listening at: %s (%d)", ",".join(urls), os.getpid())
        self._hook("when_ready", self._cradle.hooks.when_ready)
        try:
            self._readiness.announce(urls)
        except OSError as exc:
            self._log.warning("Nobody could be told of readiness (--ready-fd): %s", exc.strerror)

    def _count_changed(self, new: int, old: int | None) -> None:
        server, hook = self._cradle.server, self._cradle.hooks.nworkers_changed
        server.num_workers = new
        if hook is not None:
            guard(self._log, "nworkers_changed", lambda: hook(server, new, old))

    def _hook(self, name: str, hook: ServerHook | None) -> None:
        if hook is not None:
            guard(self._log, name, lambda: hook(self._cradle.server))
