"""`tonnage check APP`: would it start? Tries everything a start tries, and leaves nothing behind."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tonnage.cli.neighbour import running_tonnage
from tonnage.cli.trial import load_in_child
from tonnage.config.model import Config
from tonnage.config.resolve import is_given
from tonnage.config.show import shown
from tonnage.config.sources import Loaded
from tonnage.config.values import Address
from tonnage.errors import BindError, ConfigError
from tonnage.system.listeners import close_listeners, open_listeners
from tonnage.system.tls import dates, open_context


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    text: str
    is_problem: bool = False
    detail: str = ""

    def __str__(self) -> str:
        return f"{'FAIL' if self.is_problem else 'ok':<4}  {self.what:<11}  {self.text}"


Step = Callable[[Loaded], Iterator[Finding]]


def run(loaded: Loaded) -> int:
    problems = 0
    for step in STEPS:
        for finding in step(loaded):
            print(finding, flush=True)
            if finding.detail:
                print(finding.detail, file=sys.stderr, flush=True)
            problems += finding.is_problem
    print(f"{problems} problem{'s' * (problems != 1)}" if problems else "it would start")
    return 1 if problems else 0


def settings(loaded: Loaded) -> Iterator[Finding]:
    for warning in loaded.warnings:
        yield Finding("settings", f"note: {warning}")
    for obstacle in loaded.obstacles:
        yield Finding("settings", obstacle, is_problem=True)
    if not loaded.obstacles:
        where = f"the file is {loaded.file}" if loaded.file else "no configuration file"
        yield Finding("settings", where)
        config = loaded.config
        yield Finding(
            "workers", f"{shown(config.workers)}, of class {config.worker_class}, {config.threads} thread(s) each"
        )


def files(loaded: Loaded) -> Iterator[Finding]:
    """A pid file is always made anew; a log that is there is only opened, before any privilege is given up."""
    config = loaded.config
    for name, trouble in (("pidfile", _not_made), ("accesslog", _not_opened), ("errorlog", _not_opened)):
        path = getattr(config, name)
        if path and path != "-" and (text := trouble(Path(config.chdir, path))):
            yield Finding(name, f"{path}: {text}", is_problem=True)


def _not_made(path: Path) -> str:
    if path.is_dir():
        return "is a directory; name a file"
    if os.access(path.parent, os.W_OK | os.X_OK):
        return ""
    return f"no file can be made in {path.parent}; create it, or choose another"


def _not_opened(path: Path) -> str:
    """Looked at, not opened: a pipe's reader would take our end for the last."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _not_made(path.resolve())  # a link to nowhere is made where it leads
    except OSError as exc:
        return f"cannot be opened: {exc.strerror}; choose another file"
    if stat.S_ISDIR(mode):
        return "is a directory; name a file"
    if stat.S_ISSOCK(mode):
        return "is a socket, and cannot be opened as a file; for the standard output or error write -"
    if os.access(path, os.W_OK):
        return ""
    return f"may not be written by user {os.geteuid()}; change its permissions, or choose another file"


def tls(loaded: Loaded) -> Iterator[Finding]:
    config = loaded.config
    if not config.is_ssl:
        return
    try:
        open_context(config)
    except ConfigError as exc:
        yield Finding("TLS", str(exc), is_problem=True)
    else:
        known = dates(config)
        but = known.complaint(datetime.now(UTC)) if known is not None else ""
        yield Finding("TLS", f"{config.certfile} can be used" + f", but {but}" * bool(but))


def addresses(loaded: Loaded) -> Iterator[Finding]:
    """From where a start listens, since the path of a Unix socket may be relative."""
    config = loaded.config
    if not os.access(config.chdir, os.X_OK):
        text = f"{config.chdir} may not be entered by user {os.geteuid()}; change its permissions, or choose another"
        yield Finding("chdir", text, is_problem=True)
        return
    with chdir(config.chdir):
        found = [listen(address, config) for address in (*config.bind, config.admin_bind) if address is not None]
    yield from found


def listen(address: Address, config: Config) -> Finding:
    try:
        found = open_listeners([address], backlog=1, umask=config.umask, reuse_port=config.reuse_port)
    except BindError as exc:
        holder = running_tonnage(address)
        if holder is None:
            return Finding("address", str(exc), is_problem=True)
        return Finding("address", f"{address} is held by a running Tonnage ({holder}), which this one would follow")
    close_listeners(found, unlink=True)
    return Finding("address", f"{address} is free")


def application(loaded: Loaded) -> Iterator[Finding]:
    config = loaded.config
    if config.wsgi_app is None:
        text = "none is named; try `tonnage check mysite.wsgi`, or set wsgi_app"
        yield Finding("application", text, is_problem=True)
        return
    outcome = load_in_child(config)
    if outcome.problem:
        yield Finding("application", outcome.problem, is_problem=True, detail=outcome.detail)
    elif outcome.kind != _called(loaded, outcome.kind):
        kinds = ("an ASGI", "WSGI") if outcome.kind == "asgi" else ("a WSGI", "ASGI")
        text = f"{config.wsgi_app} is {kinds[0]} application; worker class {config.worker_class} calls {kinds[1]} ones"
        yield Finding("application", text, is_problem=True)
    else:
        yield Finding("application", f"{config.wsgi_app} is loaded: {outcome.kind.upper()}")


def _called(loaded: Loaded, kind: str) -> str:
    """Which calling convention the worker will have; without a class the application decides."""
    if kind == "asgi" and not is_given(loaded.origins["worker_class"]):
        return "asgi"
    return "asgi" if loaded.config.worker_class == "asgi" else "wsgi"


STEPS: tuple[Step, ...] = (settings, files, tls, addresses, application)
