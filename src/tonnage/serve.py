"""The composition root: settings in, a running server out. Read this file first.

    cli ── Loaded ──> serve() ──> supervisor.start.run ── fork ──> work(seat) ──> workers.lifecycle ──> workers.service
                                  one process, no app             one per worker, imports the app

`supervisor` and `workers` know nothing of each other; what a worker does reaches the supervisor as the callable `work`,
and with preload_app what a zygote does as the callable `load`. A reload makes another Program, beside the old one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tonnage.app.load import LoadedApp
from tonnage.capacity import auto
from tonnage.capacity.lookout import Limits, Lookout
from tonnage.config.again import changes, load_again
from tonnage.config.model import Config
from tonnage.config.resolve import DEFAULT, is_given
from tonnage.config.sources import Loaded
from tonnage.config.values import Address
from tonnage.errors import ConfigError
from tonnage.observe import access, log
from tonnage.supervisor import start, upgrade
from tonnage.supervisor.admin import Pages
from tonnage.supervisor.control import Where, where
from tonnage.supervisor.settings import Hooks, Release, Settings
from tonnage.system import cpus
from tonnage.system.activation import Activation, take
from tonnage.system.baton import Baton
from tonnage.system.listeners import Listener, open_listeners
from tonnage.system.scoreboard import Scoreboard
from tonnage.system.seat import Seat
from tonnage.workers import service
from tonnage.workers.lifecycle import Lifecycle, load

if TYPE_CHECKING:
    from tonnage.system.tls import Certificates

SPARE_SLOTS = 64  # of the scoreboard: for workers added by SIGTTIN, and old ones that still drain beside new ones


def serve(loaded: Loaded) -> int:
    """Serve until told to stop; the exit code. Raises TonnageError when it cannot start."""
    environ = dict(loaded.environ)
    heirloom = upgrade.take(environ)
    activation = take(environ, os.getpid())
    for name in loaded.environ.keys() - environ.keys():  # was for us alone
        os.environ.pop(name, None)
    program = Program(replace(loaded, environ=environ), Server(Baton(), activation))
    program.apply()
    for line in loaded.notes:
        log.error_log.info("%s", line)
    for line in (*loaded.warnings, *_odd_sockets(activation, loaded)):
        log.error_log.warning("%s", line)
    return start.run(
        program.release(),
        program.server.reload,
        upgrade.Command(tuple(sys.orig_argv[1:]), loaded.cwd, environ, tuple(each.name for each in activation.sockets)),
        log=log.error_log,
        control=_control(loaded),
        admin=Pages(loaded.config.admin_bind, loaded.config.umask) if loaded.config.admin_bind is not None else None,
        advise=Lookout(program.server.limits),
        heirloom=heirloom,
    )


@dataclass(slots=True)
class Server:
    """What all generations have in common."""

    baton: Baton
    activation: Activation
    program: Program | None = None  # whose settings are the process's own

    def limits(self) -> Limits:
        assert self.program is not None
        config = self.program.config
        return Limits(
            config.worker_connections,
            config.database_connections,
            config.reload_surge,
            _wish(config).one_at_a_time,
            config.oversized_after,
        )

    def reload(self) -> Release:
        """Raises TonnageError."""
        assert self.program is not None
        return Program(load_again(self.program.loaded), self).release()


class Program:
    """One generation: what its settings mean to the supervisor, and what its workers do."""

    def __init__(self, loaded: Loaded, server: Server) -> None:
        self.loaded = loaded
        self.server = server
        self.config = config = loaded.config
        self._access: access.AccessLog | None = None
        self._was_applied = False
        self._certificates = _certificates(config)
        self._app: LoadedApp | None = None  # in a zygote, and in the workers that are forked from it
        self.scoreboard = _scoreboard(config, server.program)

    @property
    def _is_class_given(self) -> bool:
        return is_given(self.loaded.origins["worker_class"])

    def release(self) -> Release:
        config, before = self.config, self.server.program
        return Release(
            _settings(config, is_class_given=self._is_class_given),
            self.work,
            self.server.activation.addresses or config.bind,
            partial(_listen, config),
            self.scoreboard,
            _hooks(config),
            auto.gathering(_wish(config), backlog=config.backlog, uid=config.user) if not config.workers else None,
            self.load if config.preload_app else None,
            self.apply,
            self.reopen_logs,
            tuple(changes(before.loaded, self.loaded)) if before is not None else (),
            "https" if config.is_ssl else "http",
        )

    def apply(self) -> None:
        """Make these settings the process's own. Raises ConfigError: then the former ones are."""
        before, here = self.server.program, os.open(".", os.O_PATH | os.O_CLOEXEC)
        try:
            self._enter()  # relative names of log files are looked for there
            self._access = _open_logs(self.config)
        except ConfigError:
            os.fchdir(here)
            raise
        finally:
            os.close(here)
        if before is not None:
            _unset(before)
        os.environ.update(self.config.env)
        self.server.program = self
        self._was_applied = True

    def _enter(self) -> None:
        """Raises ConfigError; but a release that is gone back to serves on without its directory."""
        try:
            os.chdir(self.config.chdir)
        except OSError as exc:
            problem = f"chdir = {self.config.chdir}: {exc.strerror}"
            if not self._was_applied:
                raise ConfigError(problem) from exc
            log.error_log.error("%s. Workers that load the application from there will fail: put it back.", problem)

    def load(self) -> None:
        """In a zygote."""
        self._app = load(self.config)

    def work(self, seat: Seat) -> int:
        life = Lifecycle(seat, self.config, log.error_log, self.reopen_logs, self._app)
        open_service = partial(
            service.open_service, config=self.config, access=self._access, log=log.error_log, baton=self.server.baton,
            certificates=self._certificates,
            is_class_given=self._is_class_given,
        )  # fmt: skip
        return life.run(open_service)

    def reopen_logs(self) -> None:
        if self._access is not None:
            self._access.flush()
        log.reopen()


def _odd_sockets(activation: Activation, loaded: Loaded) -> Iterator[str]:
    if activation.warning:
        yield activation.warning
    if activation.sockets and loaded.origins["bind"] != DEFAULT:
        names = ", ".join(each.name for each in activation.sockets)
        yield f"bind (from {loaded.origins['bind']}) is ignored: the service manager has handed over sockets ({names})."


def _control(loaded: Loaded) -> Where | None:
    config = loaded.config
    return (
        None if config.control_socket_disable else where(config.control_socket, config.control_socket_mode, os.environ)
    )


def _scoreboard(config: Config, before: Program | None) -> Scoreboard:
    """The one that there is, if it is big enough."""
    most = config.workers or auto.most_useful(cpus.usable(), _wish(config))
    slots = max(most, config.max_workers) * 2 + SPARE_SLOTS
    if before is not None and before.scoreboard.threads == config.threads and before.scoreboard.slots >= slots:
        return before.scoreboard
    return Scoreboard(slots, config.threads)


def _wish(config: Config) -> auto.Wish:
    return auto.Wish(config.worker_class, config.threads, config.min_workers, config.max_workers, config.reload_surge)


def _certificates(config: Config) -> Certificates | None:
    """Raises ConfigError when they cannot be used."""
    if not config.is_ssl:
        return None
    from tonnage.system.tls import Certificates  # noqa: PLC0415 - ssl is 5 MB that other servers do without

    return Certificates(config)


def _unset(program: Program) -> None:
    """Its raw_env; what configuration files and hooks have set besides is theirs, and stays."""
    for name in program.config.env:
        os.environ.pop(name, None)
        if name in program.loaded.environ:
            os.environ[name] = program.loaded.environ[name]


def _open_logs(config: Config) -> access.AccessLog | None:
    access.writer(config.access_log_format)  # that it is none is found before anything changes
    log.setup(config)
    return access.open_access_log(config)


def _listen(config: Config, addresses: Sequence[Address]) -> list[Listener]:
    owner = (config.user if config.user is not None else -1, config.group if config.group is not None else -1)
    return open_listeners(
        addresses,
        backlog=config.backlog,
        umask=config.umask,
        reuse_port=config.reuse_port,
        owner=owner if owner != (-1, -1) else None,
    )


def _settings(config: Config, *, is_class_given: bool) -> Settings:
    return Settings(
        workers=config.workers,
        min_workers=config.min_workers,
        max_workers=config.max_workers,
        worker_class=config.worker_class,
        is_class_given=is_class_given,
        graceful_timeout_s=config.graceful_timeout,
        boot_timeout_s=config.boot_timeout,
        timeout_s=config.timeout,
        surge=config.reload_surge,
        bake_s=config.reload_bake,
        drain_delay_s=config.drain_delay,
        lifetime_s=config.max_worker_lifetime,
        worker_memory=config.max_worker_memory,
        total_memory=config.max_total_memory,
        pidfile=Path(config.pidfile) if config.pidfile else None,
        ready_fd=config.ready_fd,
        proc_name=config.proc_name or config.default_proc_name,
    )


def _hooks(config: Config) -> Hooks:
    return Hooks(
        cfg=config,
        on_starting=config.on_starting,
        on_reload=config.on_reload,
        when_ready=config.when_ready,
        nworkers_changed=config.nworkers_changed,
        pre_fork=config.pre_fork,
        post_fork=config.post_fork,
        worker_exit=config.worker_exit,
        child_exit=config.child_exit,
        pre_exec=config.pre_exec,
        on_exit=config.on_exit,
    )
