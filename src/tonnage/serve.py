"""The composition root: settings in, a running server out. Read this file first.

    cli ── Loaded ──> serve() ──> supervisor.loop.run ── fork ──> work(seat) ──> workers.lifecycle ──> workers.service
                                  one process, no app             one per worker, imports the app

`supervisor` and `workers` know nothing of each other; what a worker does reaches the supervisor as the callable `work`.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from tonnage.config.model import Config
from tonnage.config.sources import Loaded
from tonnage.observe import access, log
from tonnage.supervisor import loop
from tonnage.supervisor.settings import Hooks, Settings
from tonnage.system.baton import Baton
from tonnage.system.listeners import Listener, open_listeners
from tonnage.system.scoreboard import Scoreboard
from tonnage.system.seat import Seat
from tonnage.workers import service
from tonnage.workers.lifecycle import Lifecycle

SPARE_SLOTS = 64  # of the scoreboard: for workers added by SIGTTIN, and old ones that still drain beside new ones


def serve(loaded: Loaded) -> int:
    """Serve until told to stop; the exit code. Raises TonnageError when it cannot start."""
    config = loaded.config
    os.environ.update(config.env)
    os.chdir(config.chdir)
    log.setup(config)
    access_log = access.open_access_log(config)
    for line in loaded.notes:
        log.error_log.info("%s", line)
    for line in loaded.warnings:
        log.error_log.warning("%s", line)

    def reopen_logs() -> None:
        if access_log is not None:
            access_log.flush()
        log.reopen()

    baton = Baton()

    def work(seat: Seat) -> int:
        life = Lifecycle(seat, config, log.error_log, reopen_logs)
        open_service = partial(service.open_service, config=config, access=access_log, log=log.error_log, baton=baton)
        return life.run(open_service)

    return loop.run(
        _settings(config),
        work,
        partial(_listen, config),
        Scoreboard(config.workers * 2 + SPARE_SLOTS, config.threads),
        log=log.error_log,
        hooks=_hooks(config),
        reopen_logs=reopen_logs,
    )


def _listen(config: Config) -> list[Listener]:
    owner = (config.user if config.user is not None else -1, config.group if config.group is not None else -1)
    return open_listeners(
        config.bind,
        backlog=config.backlog,
        umask=config.umask,
        reuse_port=config.reuse_port,
        owner=owner if owner != (-1, -1) else None,
    )


def _settings(config: Config) -> Settings:
    return Settings(
        workers=config.workers,
        worker_class=config.worker_class,
        graceful_timeout_s=config.graceful_timeout,
        boot_timeout_s=config.boot_timeout,
        timeout_s=config.timeout,
        pidfile=Path(config.pidfile) if config.pidfile else None,
        ready_fd=config.ready_fd,
        proc_name=config.proc_name or config.default_proc_name,
    )


def _hooks(config: Config) -> Hooks:
    return Hooks(
        cfg=config,
        on_starting=config.on_starting,
        when_ready=config.when_ready,
        nworkers_changed=config.nworkers_changed,
        pre_fork=config.pre_fork,
        post_fork=config.post_fork,
        worker_exit=config.worker_exit,
        child_exit=config.child_exit,
        on_exit=config.on_exit,
    )
