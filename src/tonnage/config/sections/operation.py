from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tonnage.config import values
from tonnage.config.kinds import COUNT, LINES, MODE, PATH, SECONDS, SWITCH, choice, optional
from tonnage.config.setting import Kind, at_least, between, setting
from tonnage.config.values import Address


@dataclass(frozen=True, kw_only=True)
class Development:
    """Development and diagnosis."""

    reload: bool = setting(
        False, "--reload", kind=SWITCH, meaning="Reload when the application's code changes on disk."
    )
    reload_engine: Literal["auto", "poll", "inotify"] = setting(
        "auto", "--reload-engine", kind=choice("auto", "poll", "inotify"), meaning="How changes are noticed."
    )
    reload_extra_files: tuple[str, ...] = setting(
        (), "--reload-extra-file", kind=LINES, meaning="Another file, or glob, to watch. May be repeated."
    )
    spew: bool = setting(False, "--spew", kind=SWITCH, meaning="Print every line of Python that runs.")
    check_config: bool = setting(
        False, "--check-config", kind=SWITCH, meaning="Check settings, application, TLS files and addresses, then exit."
    )
    print_config: bool = setting(
        False, "--print-config", kind=SWITCH, meaning="Print every setting and where its value comes from, then exit."
    )


@dataclass(frozen=True, kw_only=True)
class ControlInterface:
    """Control interface."""

    control_socket: str | None = setting(
        None,
        "--control-socket",
        kind=PATH,
        meaning="Unix socket through which a running server is asked and steered (`tonnage status`, `reload`, `stop`, "
        "`upgrade`). By default PID.ctl in /run/tonnage (root), $XDG_RUNTIME_DIR/tonnage or /tmp/tonnage-UID.",
        why="A file per server, so that two of them never take it from each other. Where none can be made, as in a "
        "read-only container, it is the abstract socket @tonnage-UID-PID, and the log says so.",
    )
    control_socket_mode: int = setting(
        0o600,
        "--control-socket-mode",
        kind=MODE,
        check=between(0, 0o777),
        meaning="Permission bits of the control socket.",
        why="Whoever may write to it may stop the server: its user, and root.",
    )
    admin_bind: Address | None = setting(
        None,
        "--admin-bind",
        kind=optional(Kind("ADDRESS", values.address)),
        meaning="Where the supervisor answers /metrics (Prometheus), /-/live, /-/ready and a dashboard: HOST:PORT or "
        "unix:PATH. By default nowhere.",
        why="Who may read it sees the requests in flight. The supervisor answers by itself, so no probe waits for a "
        "busy worker.",
    )
    control_socket_disable: bool = setting(False, "--no-control-socket", kind=SWITCH, meaning="Open no control socket.")


@dataclass(frozen=True, kw_only=True)
class Dirty:
    """Separate workers for long jobs."""

    dirty_apps: tuple[str, ...] = setting(
        (), "--dirty-app", kind=LINES, meaning="A job class, module:Class or module:Class:N. May be repeated."
    )
    dirty_workers: int = setting(
        0, "--dirty-workers", kind=COUNT, check=at_least(0), meaning="How many processes run jobs."
    )
    dirty_timeout: float = setting(300.0, "--dirty-timeout", kind=SECONDS, meaning="How long one job may take.")
    dirty_threads: int = setting(
        1, "--dirty-threads", kind=COUNT, check=at_least(1), meaning="Threads in each job process."
    )
    dirty_graceful_timeout: float = setting(
        30.0, "--dirty-graceful-timeout", kind=SECONDS, meaning="How long jobs may take to finish at a stop."
    )
