"""Load the application as a worker would, in a child: importing may exit, crash or hang, and that is what is asked."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader, FileIO
from typing import NoReturn

from tonnage.app.frames import format_exception
from tonnage.app.load import LoadedApp, load_app
from tonnage.cli import orderly
from tonnage.config.model import Config
from tonnage.config.resolve import is_given
from tonnage.config.sources import Loaded
from tonnage.errors import AppLoadError, BootError, TonnageError
from tonnage.observe import access, logconfig
from tonnage.system import privileges, processes

LOADED = b"."  # what the child says first: from here on it is not loading that takes the time
LOOK_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    kind: str = ""  # "wsgi" or "asgi"
    problem: str = ""
    detail: str = ""  # the traceback, when importing raised
    code: int = BootError.exit_code  # of a start with the same problem
    seen: dict[str, object] = field(default_factory=dict)  # what `look` has found


Look = Callable[[LoadedApp], dict[str, object]]  # runs in the child; what it returns must be JSON


def load_in_child(config: Config, look: Look = lambda _: {}) -> Outcome:
    """Takes at most `boot_timeout`, if that is set, to load it, and LOOK_S for what `look` does."""
    assert config.wsgi_app is not None
    reading, writing = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        os.close(reading)
        processes.end_with_parent(parent, signal.SIGKILL)
        _report(config, config.wsgi_app, look, writing)
    os.close(writing)
    try:
        with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123  # a descriptor
            doing, line = _heard(pipe, config.boot_timeout)
    except TimeoutError as exc:
        os.kill(pid, signal.SIGKILL)
        return Outcome(problem=str(exc))
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        ended = processes.how_it_ended(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return Outcome(**json.loads(line)) if line else Outcome(problem=f"the process ended while {doing}: {ended}")


def _heard(pipe: FileIO, boot_timeout_s: float) -> tuple[str, bytes]:
    """What the child was at when it spoke last, and its line, if there is one. Raises TimeoutError, with the reason."""
    if not select.select([pipe], [], [], boot_timeout_s or None)[0]:
        raise TimeoutError(f"it is still being loaded after {boot_timeout_s:g} s (limit: --boot-timeout)")
    if pipe.read(1) != LOADED:
        return "loading it", b""
    if not select.select([pipe], [], [], LOOK_S)[0]:
        raise TimeoutError(f"it was loaded, but what it says of itself was not there within {LOOK_S:g} s")
    with BufferedReader(pipe) as lines:
        return "it was looked at", lines.readline()


def loaded_in_child(loaded: Loaded, look: Look) -> Outcome:
    """One that was loaded, and that the worker class calls.

    Raises BootError or AppLoadError, as a start would end; the traceback, if there is one, is on stderr then.
    """
    outcome = load_in_child(loaded.config, partial(_served, loaded, look))
    if outcome.detail:
        print(outcome.detail, file=sys.stderr)
    if outcome.problem:
        raise (AppLoadError if outcome.code == AppLoadError.exit_code else BootError)(outcome.problem)
    return outcome


def _served(loaded: Loaded, look: Look, app: LoadedApp) -> dict[str, object]:
    """Raises AppLoadError."""
    from tonnage.workers.service import choose  # noqa: PLC0415  # of a worker: nothing that others need in memory

    choose(app, loaded.config, is_class_given=is_given(loaded.origins["worker_class"]))
    return look(app)


def _report(config: Config, spec: str, look: Look, writing: int) -> NoReturn:
    """Runs in the child, and ends it: nothing unwinds into what the parent was about."""
    code = 1
    try:
        orderly.forget()
        sys.stdout = sys.stderr  # what an application prints is no part of our answer
        with suppress(OSError):  # no stderr
            os.dup2(2, 1)
        told = _tried(config, spec, look, writing)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        with open(writing, "wb") as pipe:  # a descriptor
            pipe.write(told + b"\n")
        code = 0
    finally:
        os._exit(code)


def _tried(config: Config, spec: str, look: Look, writing: int) -> bytes:
    doing = "loading"
    try:
        try:
            app = _load(config, spec)
        finally:
            os.write(writing, LOADED)
        doing = "looking at"
        return json.dumps({"kind": app.kind, "seen": look(app)}).encode()
    except TonnageError as exc:
        problem, cause, code = str(exc), exc.__cause__, exc.exit_code
    except BaseException as exc:  # noqa: BLE001  # the application's own
        problem, cause, code = f"{doing} {spec} raised {type(exc).__name__}: {exc}", exc, BootError.exit_code
    detail = format_exception(cause)[-60_000:] if cause else ""
    return json.dumps({"problem": problem, "detail": detail, "code": code}).encode()


def _load(config: Config, spec: str) -> LoadedApp:
    os.chdir(config.chdir)
    os.environ.update(config.env)
    logconfig.apply(config)
    access.open_access_log(config)
    privileges.drop(config.user, config.group, initgroups=config.initgroups)
    return load_app(spec, [config.chdir, *config.pythonpath])
