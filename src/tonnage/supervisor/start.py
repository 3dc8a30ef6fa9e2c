"""What a supervisor needs before it can begin: signals, pid file, listeners; and gives back when it ends."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import ExitStack

from tonnage import __version__
from tonnage.errors import ConfigError
from tonnage.hooks import Server
from tonnage.supervisor.admin import Pages
from tonnage.supervisor.berths import Berths
from tonnage.supervisor.control import Where
from tonnage.supervisor.counsel import Advise
from tonnage.supervisor.loop import SIGNALS, Supervisor
from tonnage.supervisor.outfit import Outfit
from tonnage.supervisor.releases import Releases
from tonnage.supervisor.settings import Hooks, Release, Settings
from tonnage.supervisor.upgrade import SUFFIX, Command, Heirloom
from tonnage.system.pidfile import PidFile
from tonnage.system.readiness import Readiness
from tonnage.system.signals import WakeUp


def run(
    release: Release,
    reload: Callable[[], Release],
    command: Command,
    *,
    log: logging.Logger,
    control: Where | None = None,
    heirloom: Heirloom | None = None,
    admin: Pages | None = None,
    advise: Advise | None = None,
) -> int:
    """Serve until told to stop; the exit code.

    `reload` reads the settings again; what it raises is logged, and nothing has changed. `control` says where operators
    may ask, `admin` where probes and scrapers may, `advise` what caps a server that is seen like that. Raises
    PidFileError, ConfigError, and BindError or what else `release.listen` raises, which is called when the pid file is
    ours and on_starting has run.
    """
    settings, hooks = release.settings, release.hooks
    log.info("Starting tonnage %s", __version__)
    with ExitStack() as cleanup:
        wakeup = WakeUp(SIGNALS)
        cleanup.callback(wakeup.retire)
        readiness = Readiness(settings.ready_fd if heirloom is None else heirloom.ready_fd)
        cleanup.callback(readiness.close)
        belongings = [wakeup.close, readiness.close]
        pidfile = _claim(settings, heirloom)
        if pidfile is not None:
            cleanup.callback(pidfile.release)
            belongings.append(pidfile.forget)
        server = Server(hooks.cfg, log, os.getpid(), (), settings.workers or settings.min_workers)
        _start_hook(hooks, server)
        berths = Berths(heirloom.listeners if heirloom is not None else ())
        cleanup.callback(berths.close)
        releases = Releases(reload, berths, server, log, belongings)
        releases.start(release)
        outfit = Outfit(releases, wakeup, readiness, command, pidfile, settings.pidfile, heirloom)
        return Supervisor(outfit, control, admin, advise).run()


def _claim(settings: Settings, heirloom: Heirloom | None) -> PidFile | None:
    path = settings.pidfile
    if path is None:
        return None
    pidfile = PidFile(path if heirloom is None else path.with_name(path.name + SUFFIX))
    pidfile.claim()
    return pidfile


def _start_hook(hooks: Hooks, server: Server) -> None:
    if hooks.on_starting is not None:
        try:
            hooks.on_starting(server)
        except Exception as exc:
            raise ConfigError(f"the hook on_starting raised {type(exc).__name__}: {exc}") from exc
