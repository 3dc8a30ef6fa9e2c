from __future__ import annotations

import grp
import pwd
from collections.abc import Callable
from dataclasses import dataclass

from tonnage.config.kinds import LINES, MAYBE, MODE, PATH, SWITCH, TEXT, TEXTS, optional
from tonnage.config.setting import Kind, between, setting


def _id(raw: object, what: str, find: Callable[[str], int]) -> int:
    if isinstance(raw, int):
        return raw
    if not isinstance(raw, str):
        raise ValueError(f"must be the name or number of a {what}")  # noqa: TRY004
    if raw.strip().isdecimal():
        return int(raw)
    try:
        return find(raw.strip())
    except KeyError:
        raise ValueError(
            f"must be a {what} of this machine (see `getent {what if what == 'group' else 'passwd'}`)"
        ) from None


USER = optional(Kind("USER", lambda raw: _id(raw, "user", lambda name: pwd.getpwnam(name).pw_uid)))
GROUP = optional(Kind("GROUP", lambda raw: _id(raw, "group", lambda name: grp.getgrnam(name).gr_gid)))


def _pairs(lines: tuple[str, ...]) -> str | None:
    wrong = [line for line in lines if "=" not in line]
    return f"must be NAME=VALUE, not {wrong[0]!r}" if wrong else None


@dataclass(frozen=True, kw_only=True)
class Process:
    """Process."""

    config: str | None = setting(
        None,
        "-c",
        "--config",
        kind=PATH,
        meaning="The configuration file: PATH, file:PATH or python:MODULE. A .toml is TOML, all else runs as Python.",
        why="The first of gunicorn.conf.py, tonnage.toml and pyproject.toml's [tool.tonnage] in the working directory.",
    )
    wsgi_app: str | None = setting(
        None,
        kind=MAYBE,
        meaning="The application, when the command line names none: module, module:name or module:factory(arguments).",
    )
    chdir: str = setting(
        "",
        "--chdir",
        kind=Kind("DIR", TEXT.parse),
        meaning="Directory to change to before the application is loaded; modules in it can be imported.",
        why="The directory the command was started in.",
    )
    pythonpath: tuple[str, ...] = setting(
        (),
        "--pythonpath",
        kind=TEXTS,
        meaning="More directories to import from.",
    )
    raw_env: tuple[str, ...] = setting(
        (),
        "-e",
        "--env",
        kind=LINES,
        check=_pairs,
        meaning="An environment variable for the application, NAME=VALUE. May be repeated.",
    )
    pidfile: str | None = setting(
        None,
        "-p",
        "--pid",
        kind=PATH,
        meaning="File that holds the supervisor's pid while it runs.",
    )
    user: int | None = setting(
        None,
        "-u",
        "--user",
        kind=USER,
        meaning="User the workers run as, by name or number.",
    )
    group: int | None = setting(
        None,
        "-g",
        "--group",
        kind=GROUP,
        meaning="Group the workers run as, by name or number.",
    )
    initgroups: bool = setting(
        False,
        "--initgroups",
        kind=SWITCH,
        meaning="Also give the workers all further groups of `user`.",
    )
    umask: int = setting(
        0,
        "-m",
        "--umask",
        kind=MODE,
        check=between(0, 0o777),
        meaning="Permission bits that Unix sockets do not get: 0o22, 022 and 18 are the same. Files are made with the "
        "umask of whoever starts the server, as with Gunicorn.",
    )
    proc_name: str | None = setting(
        None,
        "-n",
        "--name",
        kind=MAYBE,
        meaning="Name shown by ps and top, with the setproctitle package installed.",
    )
    default_proc_name: str = setting(
        "tonnage",
        kind=TEXT,
        meaning="The name when proc_name is not set and the application has none.",
    )
    daemon: bool = setting(
        False,
        "-D",
        "--daemon",
        kind=SWITCH,
        meaning="Leave the terminal and run in the background.",
    )
    enable_stdio_inheritance: bool = setting(
        False,
        "-R",
        "--enable-stdio-inheritance",
        kind=SWITCH,
        meaning="Keep stdout and stderr when running as a daemon.",
    )
    sendfile: bool = setting(
        True,
        "--sendfile",
        kind=SWITCH,
        variable="SENDFILE",
        meaning="Send files that the application hands over (wsgi.file_wrapper) by the kernel's sendfile.",
    )
    tmp_upload_dir: str | None = setting(
        None,
        "--tmp-upload-dir",
        kind=PATH,
        meaning="Directory for bodies and responses that wait on disk; the system's temporary directory by default.",
    )
    paste: str | None = setting(
        None,
        "--paste",
        "--paster",
        kind=MAYBE,
        meaning="Load the application from a PasteDeploy file: PATH or PATH#SECTION.",
    )
    raw_paste_global_conf: tuple[str, ...] = setting(
        (),
        "--paste-global",
        kind=LINES,
        check=_pairs,
        meaning="A variable for the PasteDeploy file, NAME=VALUE. May be repeated.",
    )
