from __future__ import annotations

from dataclasses import dataclass

from tonnage import hooks
from tonnage.config.kinds import hook
from tonnage.config.setting import setting


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Hooks: functions in the configuration file, or their dotted names."""

    on_starting: hooks.ServerHook | None = setting(
        None, kind=hook("on_starting"), meaning="(server): in the supervisor, before the listeners open."
    )
    on_reload: hooks.ServerHook | None = setting(
        None, kind=hook("on_reload"), meaning="(server): in the supervisor, at a reload (HUP)."
    )
    when_ready: hooks.ServerHook | None = setting(
        None,
        kind=hook("when_ready"),
        meaning="(server): in the supervisor, listening, before the first worker is forked.",
    )
    pre_fork: hooks.PairHook | None = setting(
        None, kind=hook("pre_fork"), meaning="(server, worker): in the supervisor, before a worker is forked."
    )
    post_fork: hooks.PairHook | None = setting(
        None, kind=hook("post_fork"), meaning="(server, worker): in the worker, just forked."
    )
    post_worker_init: hooks.WorkerHook | None = setting(
        None, kind=hook("post_worker_init"), meaning="(worker): in the worker, the application is loaded."
    )
    worker_int: hooks.WorkerHook | None = setting(
        None, kind=hook("worker_int"), meaning="(worker): in the worker, at INT or QUIT."
    )
    worker_abort: hooks.WorkerHook | None = setting(
        None, kind=hook("worker_abort"), meaning="(worker): in the worker, when it is aborted for taking too long."
    )
    pre_exec: hooks.ServerHook | None = setting(
        None, kind=hook("pre_exec"), meaning="(server): before a new supervisor replaces this one (USR2)."
    )
    pre_request: hooks.RequestHook | None = setting(
        None, kind=hook("pre_request"), meaning="(worker, req): in the worker, before the application is called."
    )
    post_request: hooks.ResponseHook | None = setting(
        None,
        kind=hook("post_request"),
        meaning="(worker, req[, environ[, resp]]): in the worker, after the response; it may take 2, 3 or 4 arguments.",
    )
    child_exit: hooks.PairHook | None = setting(
        None, kind=hook("child_exit"), meaning="(server, worker): in the supervisor, a worker has exited."
    )
    worker_exit: hooks.PairHook | None = setting(
        None, kind=hook("worker_exit"), meaning="(server, worker): in the worker, as it exits."
    )
    nworkers_changed: hooks.CountHook | None = setting(
        None,
        kind=hook("nworkers_changed"),
        meaning="(server, new, old): in the supervisor, the wanted number of workers changed; old is None at first.",
    )
    on_exit: hooks.ServerHook | None = setting(
        None, kind=hook("on_exit"), meaning="(server): in the supervisor, last of all."
    )
    ssl_context: hooks.ContextHook | None = setting(
        None,
        kind=hook("ssl_context"),
        meaning="(config, default_factory): in the worker; returns the ssl.SSLContext to use.",
    )
    on_dirty_starting: hooks.Hook | None = setting(
        None, kind=hook("on_dirty_starting"), meaning="(arbiter): before the job processes start."
    )
    dirty_post_fork: hooks.Hook | None = setting(
        None, kind=hook("dirty_post_fork"), meaning="(arbiter, worker): in a job process, just forked."
    )
    dirty_worker_init: hooks.Hook | None = setting(
        None, kind=hook("dirty_worker_init"), meaning="(worker): in a job process, its jobs are loaded."
    )
    dirty_worker_exit: hooks.Hook | None = setting(
        None, kind=hook("dirty_worker_exit"), meaning="(arbiter, worker): in a job process, as it exits."
    )
