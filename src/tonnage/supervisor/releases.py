"""What the server runs by: the settings, listeners and hooks of every generation that is still needed.

A reload changes nothing before all of it is known to work: the settings are read, new listeners opened, log files
opened; then only the policy hears of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tonnage.config.model import Config
from tonnage.errors import ConfigError, TonnageError
from tonnage.hooks import Server
from tonnage.supervisor.berths import Berths
from tonnage.supervisor.cradle import Cradle
from tonnage.supervisor.facts import Released
from tonnage.supervisor.settings import Release
from tonnage.supervisor.state import Rules
from tonnage.system.listeners import Listener
from tonnage.system.processes import become_subreaper


class Releases:
    def __init__(
        self,
        reload: Callable[[], Release],
        berths: Berths,
        server: Server,
        log: logging.Logger,
        belongings: list[Callable[[], None]],
    ) -> None:
        self.cradles: dict[int, Cradle] = {}
        self.server = server
        self.log = log
        self.belongings = belongings
        self.adopts = False  # workers of a zygote become our children
        self._reload = reload
        self.berths = berths
        self._incoming: list[Cradle] = []
        self._generation = 1

    @property
    def current(self) -> Release:
        return self.cradles[self._generation].release

    @property
    def rules(self) -> Rules:
        return self.cradles[self._generation].rules

    @property
    def listeners(self) -> list[Listener]:
        return self.cradles[self._generation].listeners

    def start(self, release: Release) -> None:
        """Raises BindError."""
        self.cradles[1] = self._cradle(self._loadable(release))
        self.berths.leave([])  # of another supervisor's listeners those that we do not want
        self._show()

    def read(self) -> Released:
        """Raises TonnageError, which is logged: then nothing has changed."""
        try:
            cradle = self._read()
        except TonnageError as exc:
            self.log.error("Nothing is reloaded, the server goes on as it was: %s", exc)
            raise
        except Exception as exc:
            self.log.exception("Nothing is reloaded, the server goes on as it was. This is a bug; please report it.")
            raise ConfigError(f"{type(exc).__name__}: {exc}") from exc
        for note in cradle.release.notes:
            self.log.info("Reload: %s", note)
        self._incoming.append(cradle)
        moves = {id(each) for each in cradle.listeners} != {id(each) for each in self.listeners}
        return Released(cradle.rules, cradle.release.settings.workers, moves)

    def _read(self) -> Cradle:
        cradle = self._cradle(self._loadable(self._reload()))
        try:
            cradle.release.apply()
        except Exception:
            self.berths.leave(cradle.listeners)
            raise
        return cradle

    def adopt(self, generation: int) -> bool:
        """The one that was read last, or one to go back to; whether it is new."""
        is_new = generation not in self.cradles
        if is_new:
            self.cradles[generation] = self._incoming.pop(0)
        else:
            try:
                self.cradles[generation].release.apply()
            except TonnageError as exc:
                self.log.error("The settings of generation %d do not work any more: %s", generation, exc)
        self._generation = generation
        self._show()
        return is_new

    def leave_listeners(self, generation: int) -> None:
        self.berths.leave(self.cradles[generation].listeners)

    def forget(self, generation: int) -> None:
        self.berths.leave(self.cradles.pop(generation).listeners)

    def close(self) -> None:
        self.berths.close()

    def _cradle(self, release: Release) -> Cradle:
        listeners = self.berths.open(release)
        others = partial(self.berths.close_others, listeners)
        return Cradle(release, self.server, listeners, self.log, self.belongings, others)

    def _loadable(self, release: Release) -> Release:
        if release.load is None or self.adopts:
            return release
        self.adopts = become_subreaper()
        if self.adopts:
            return release
        self.log.warning(
            "preload_app needs a child subreaper, which this system has not (Linux has): each worker loads the "
            "application for itself."
        )
        return replace(release, load=None)

    def _show(self) -> None:
        """To the hooks, in the log and `status`, and to the listeners that were open before."""
        cradle = self.cradles[self._generation]
        self.server.cfg = cfg = cradle.release.hooks.cfg
        for listener in cradle.listeners:
            listener.announce(cradle.release.scheme)
            if isinstance(cfg, Config):
                listener.let_wait(cfg.backlog)
        self.server.address = tuple(str(listener.address) for listener in cradle.listeners)
