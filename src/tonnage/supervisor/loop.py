"""The supervisor's one thread: wait, learn facts, let the policy decide, carry out its orders.

Decides nothing (policy.py), says nothing in its own words (report.py), and never waits for a worker: what it reads does
not block, what it sends is dropped when nobody takes it. Hooks and the configuration file run here, and are the two
things that can hold it up.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Iterable

from tonnage import messages
from tonnage.control.overview import Overview
from tonnage.errors import BindError, TonnageError
from tonnage.hooks import ServerHook
from tonnage.supervisor.admin import Admin, Pages
from tonnage.supervisor.control import Control, Where, heir
from tonnage.supervisor.counsel import Advise
from tonnage.supervisor.cradle import Member, guard
from tonnage.supervisor.crew import Crew
from tonnage.supervisor.evidence import Evidence
from tonnage.supervisor.facts import (
    Fact,
    Failed,
    ForkFailed,
    HeirGone,
    HeirServes,
    ReloadAsked,
    ReopenAsked,
    RestAsked,
    ScaleAsked,
    Sized,
    StopAsked,
    Tick,
    UpgradeAsked,
    WorkerExited,
)
from tonnage.supervisor.herald import Herald
from tonnage.supervisor.library import import_library
from tonnage.supervisor.observer import Observer
from tonnage.supervisor.orders import (
    Abort,
    Adopt,
    Announce,
    CloseListeners,
    Drain,
    Finish,
    Forget,
    Hatch,
    HeirLost,
    Kill,
    LeaveListeners,
    NotReloaded,
    NotUpgraded,
    Order,
    Proven,
    Quit,
    ReadRelease,
    ReloadAbandoned,
    ReopenLogs,
    Report,
    Size,
    Spawn,
    StartHeir,
    Steering,
    TookOver,
    WantChanged,
)
from tonnage.supervisor.outfit import Outfit
from tonnage.supervisor.policy import step, wake_at
from tonnage.supervisor.report import Names, report
from tonnage.supervisor.savings import Savings
from tonnage.supervisor.sizing import weigh
from tonnage.supervisor.state import NEVER, Phase, first
from tonnage.supervisor.upgrade import Upgrade
from tonnage.supervisor.watch import Watch
from tonnage.system.cgroup import oom_kills
from tonnage.system.cpus import usable
from tonnage.system.notify import Notifier
from tonnage.system.processes import set_title

EXIT_BUG = 255  # Gunicorn's

MEANINGS: dict[int, Fact] = {
    signal.SIGTERM: StopAsked(),
    signal.SIGINT: StopAsked(quick=True),
    signal.SIGQUIT: StopAsked(quick=True),
    signal.SIGHUP: ReloadAsked(),
    signal.SIGTTIN: ScaleAsked(+1),
    signal.SIGTTOU: ScaleAsked(-1),
    signal.SIGUSR1: ReopenAsked(),
    signal.SIGUSR2: UpgradeAsked(),
    signal.SIGWINCH: RestAsked(),
}
QUIET = (signal.SIGWINCH,)  # comes with every change of a terminal's size
MOST_UNHEARD = 4096  # facts; who floods us may wait until they are taken in
SIGNALS = (*MEANINGS, signal.SIGCHLD)


class Supervisor:
    def __init__(
        self, outfit: Outfit, control: Where | None, pages: Pages | None = None, advise: Advise | None = None
    ) -> None:
        """Raises BindError, of the admin pages."""
        self._outfit = outfit
        self._releases = releases = outfit.releases
        self._log = releases.log
        self._wakeup = outfit.wakeup
        self._readiness = outfit.readiness
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._read_signals)
        evidence = Evidence(oom_kills())
        self._crew = crew = Crew(releases.cradles, self._selector, evidence)
        crew.adopts = releases.adopts
        self._watch = Watch(self._crew, evidence, Savings(self._log))
        self._names = Names(crew.pid, crew.role, crew.in_flight, crew.last_words)
        releases.belongings.extend([self._selector.close, self._crew.close])
        self._state = first(releases.rules, releases.current.settings.workers)
        self._facts: deque[Fact] = deque([Tick()])
        self._exit_code: int | None = None
        self._observer = Observer(self._state, crew, lambda: releases.listeners, self._log, usable(), advise)
        self._control = Control(self._selector, self._log, self._overview)
        self._herald = Herald(Notifier(os.environ, os.getpid()), self._control.progress)
        if control is not None:
            self._control.open(heir(control) if outfit.heirloom is not None else control)
        self._admin = Admin(self._selector, self._log, self._overview)
        self._pages = pages
        if outfit.heirloom is None:  # or else another supervisor still answers there
            self._open_pages()
        self._is_heir = outfit.heirloom is not None
        self._upgrade = Upgrade(outfit.command, self._selector, self._log)
        crew.on_stranger = self._upgrade.was_reaped
        releases.belongings.extend([self._herald.close, self._control.forget, self._admin.forget, self._upgrade.close])

    def run(self) -> int:
        settings = self._releases.current.settings
        if settings.is_class_given:
            self._log.info("Using worker: %s", settings.worker_class)
        set_title("supervisor", settings.proc_name)
        self._count_changed(self._state.want, None)
        if self._releases.current.load is None:
            import_library()
        gc.collect()
        gc.freeze()  # the collector of a worker then leaves the pages alone that it shares with us
        try:
            code = self._serve()
        except Exception:  # noqa: BLE001  # nothing may escape while workers live
            self._log.critical("The supervisor has a bug and stops. Please report what follows.", exc_info=True)
            code = EXIT_BUG
        finally:
            self._crew.end(settings.graceful_timeout_s)
            self._control.close()
            self._admin.close()
            self._herald.close()
            self._selector.close()
        self._hook("on_exit", self._releases.current.hooks.on_exit)
        self._log.info("Shutting down: supervisor (pid: %d)", os.getpid())
        return code

    def _serve(self) -> int:
        while self._exit_code is None:
            self._turn()
        return self._exit_code

    def _turn(self) -> None:
        """One fact, so that no signal has to wait for a series of anything."""
        now = time.monotonic()
        others = (self._watch, self._herald, self._observer, self._control, self._admin)
        due = min(wake_at(self._state, now), *(each.next_at for each in others))
        self._learn(0.0 if self._facts else due - now)
        self._facts.extend(self._watch.look(time.monotonic(), self._serving()))
        fact = self._facts.popleft() if self._facts else Tick()
        if isinstance(fact, HeirServes | HeirGone):
            self._hear_of_heir(fact)
        self._observer.turn(time.monotonic())
        self._control.turn(time.monotonic())
        self._admin.turn(time.monotonic())
        for order in step(self._state, fact, time.monotonic()):
            self._observer.hear(order)
            self._carry_out(order)
        if isinstance(fact, WorkerExited | ForkFailed):
            self._crew.bury(fact.age)
        self._herald.turn(self._state, time.monotonic())
        if self._outfit.inherits():
            self._log.info("Supervisor %d has taken over.", os.getpid())
            self._control.promote()
            self._inherit_pages()

    def _serving(self) -> set[int]:
        return {age for age, worker in self._state.workers.items() if worker.phase is Phase.READY}

    def _learn(self, patience_s: float) -> None:
        """What workers have said before signals: who asks for a change has seen what they did.

        But a stop before the failures that came with it: sent to the whole group of processes, as by Ctrl-C, it is what
        those who were loading have died of. When a deadline has passed, a Tick stands behind what is known by then: no
        series of anything may put it off.
        """
        if len(self._facts) < MOST_UNHEARD:
            self._listen(patience_s)
        now = time.monotonic()
        if wake_at(self._state, now) <= now and Tick() not in self._facts:
            self._facts.append(Tick())

    def _listen(self, patience_s: float) -> None:
        events = self._selector.select(None if patience_s == NEVER else max(0.0, patience_s))
        for key, _ in events:
            if key.fileobj is not self._wakeup:
                self._facts.extend(key.data())
        for fact in self._read_signals():  # always: one may have come since
            failures = (number for number, known in enumerate(self._facts) if isinstance(known, Failed))
            at = next(failures, len(self._facts)) if isinstance(fact, StopAsked) else len(self._facts)
            self._facts.insert(at, fact)

    def _read_signals(self) -> Iterable[Fact]:
        """SIGCHLD says that some have died, not how many: a shower of it is one look, or nothing else gets a turn."""
        numbers = self._wakeup.read()
        if signal.SIGCHLD in numbers:
            yield from self._upgrade.reap()
            yield from self._crew.reap()
        for number in numbers:
            if number == signal.SIGCHLD:
                continue
            if number not in QUIET:
                self._log.info("Handling signal: %s", signal.Signals(number).name.removeprefix("SIG").lower())
            yield MEANINGS[number]

    def _carry_out(self, order: Order) -> None:
        match order:
            case Spawn() | Hatch() | Drain() | Quit() | Abort() | Kill():
                self._steer(order)
            case ReadRelease() | Adopt() | Forget() | LeaveListeners() | CloseListeners():
                self._change(order)
            case StartHeir():
                self._start_heir()
            case ReopenLogs():
                self._releases.current.reopen_logs()
                self._crew.tell_all(messages.ReopenLogs())
            case Announce():
                self._announce()
            case WantChanged(new, old):
                self._count_changed(new, old)
            case Size(age, generation):
                self._size(age, generation)
            case Finish(exit_code):
                self._exit_code = exit_code
            case _:
                self._say(order)

    def _change(self, order: ReadRelease | Adopt | Forget | LeaveListeners | CloseListeners) -> None:
        match order:
            case ReadRelease():
                self._read_release()
            case Adopt(generation):
                if self._releases.adopt(generation):
                    self._control.accepted(generation)
                    self._hook("on_reload", self._releases.current.hooks.on_reload)
            case Forget(generation):
                self._releases.forget(generation)
            case LeaveListeners(generation):
                self._releases.leave_listeners(generation)
            case CloseListeners():
                self._releases.close()

    def _read_release(self) -> None:
        self._herald.reloading(self._state.newest, time.monotonic())
        try:
            released = self._releases.read()
        except TonnageError as exc:
            self._herald.refused()
            self._control.refused(str(exc))
            return
        self._crew.adopts = self._releases.adopts
        self._facts.append(released)

    def _start_heir(self) -> None:
        releases = self._releases
        if why := self._upgrade.start(releases.berths.all, releases.server, releases.current.hooks.pre_exec):
            self._say(NotUpgraded(why))
        else:
            releases.berths.shared = True
            self._control.started(self._upgrade.pid)

    def _hear_of_heir(self, fact: HeirServes | HeirGone) -> None:
        if isinstance(fact, HeirServes):
            self._herald.heir = self._upgrade.pid
            self._control.upgraded(ok=True, reason="the new supervisor serves", pid=self._upgrade.pid)
        else:
            self._upgrade.forget()
            self._herald.heir = None
            self._releases.berths.shared = self._outfit.heirloom is not None

    def _size(self, age: int, generation: int) -> None:
        release, heirloom = self._releases.cradles[generation].release, self._outfit.heirloom
        if release.size is None:
            return
        members = self._crew.members
        try:
            warm = weigh(members[age], members.values(), heirloom.parent if heirloom is not None else None)
        except OSError as exc:  # it is gone: the next one that is ready will show
            self._log.warning("How many workers there are to be is not known yet: %s", exc.strerror or exc)
            return
        found = release.size(warm)
        for line in found.lines:
            self._log.log(logging.WARNING if found.is_tight else logging.INFO, "%s", line)
        self._facts.append(Sized(generation, found.workers))

    def _steer(self, order: Steering) -> None:
        crew = self._crew
        match order:
            case Spawn():
                if (fact := crew.spawn(order)) is not None:
                    self._facts.append(fact)
            case Hatch():
                self._facts.append(crew.hatch(order))
            case Drain(age, grace_s, delay_s, serve_queue, stays):
                doors = self._left_to(crew.members[age], delay_s) if stays else None
                if not crew.tell(age, messages.Drain(grace_s, delay_s, serve_queue, doors)):
                    crew.signal(age, signal.SIGTERM)
            case Quit(age, gently):
                if not crew.tell(age, messages.Quit(gently)) or crew.is_loading(age):
                    crew.signal(age, signal.SIGINT)  # who loads the application does not read, but dies of it
            case Abort(age):
                self._say(order)
                crew.signal(age, signal.SIGABRT)
            case Kill(age):
                self._facts.extend(crew.kill(age))

    def _left_to(self, worker: Member, delay_s: float) -> list[int]:
        """The numbers of its listeners at which the current generation does not listen."""
        listeners = worker.cradle.listeners
        doors = [number for number, each in enumerate(listeners) if each not in self._releases.listeners]
        if doors and delay_s:
            urls = ", ".join(listeners[number].url for number in doors)
            self._log.info("Worker (pid: %d) goes on at %s until the bake is over (--reload-bake)", worker.pid, urls)
        return doors

    def _say(self, event: Report | Abort) -> None:
        said = report(event, self._names)
        self._log.log(said.level, "%s", said.text)
        match event:
            case NotReloaded():
                self._control.refused(said.text)
            case ReloadAbandoned(generation):
                self._control.settled(generation, ok=False, reason=said.text)
            case NotUpgraded(reason):
                self._control.not_started(reason)
            case HeirLost(reason):
                self._control.upgraded(ok=False, reason=reason)
            case TookOver(generation, bake_s):
                self._control.settled(generation, ok=True, reason=said.text, bakes=bake_s > 0)
            case Proven(generation):
                self._control.settled(generation, ok=True, reason=said.text)

    def _open_pages(self) -> None:
        if self._pages is not None:
            self._admin.open(self._pages)

    def _inherit_pages(self) -> None:
        try:
            self._open_pages()
        except BindError as exc:
            self._log.error("Nobody answers at the admin address from now on: %s", exc)

    def _overview(self) -> Overview:
        return self._observer.overview(time.monotonic())

    def _announce(self) -> None:
        urls = [listener.url for listener in self._releases.listeners]
        settings = self._releases.current.settings
        if not settings.is_class_given:
            chosen = "asgi, since the application is of ASGI" if self._crew.serves_asgi else settings.worker_class
            self._log.info("Using worker: %s", chosen)
        self._log.info("Listening at: %s (%d)", ",".join(urls), os.getpid())
        self._hook("when_ready", self._releases.current.hooks.when_ready)
        try:
            self._readiness.announce(urls)
        except OSError as exc:
            if not self._is_heir:  # else who waited for that is gone already, and its end is said elsewhere
                self._log.warning("Nobody could be told of readiness (--ready-fd): %s", exc.strerror)

    def _count_changed(self, new: int, old: int | None) -> None:
        server, hook = self._releases.server, self._releases.current.hooks.nworkers_changed
        server.num_workers = new
        if hook is not None:
            guard(self._log, "nworkers_changed", lambda: hook(server, new, old))

    def _hook(self, name: str, hook: ServerHook | None) -> None:
        if hook is not None:
            guard(self._log, name, lambda: hook(self._releases.server))
