"""Load the application as a worker would, in a child: importing may exit, crash or hang, and that is what is asked."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from tonnage.app.frames import format_exception
from tonnage.app.load import LoadedApp, load_app
from tonnage.config.model import Config
from tonnage.errors import BootError, TonnageError
from tonnage.observe import access, logconfig
from tonnage.system import privileges, processes


@dataclass(frozen=True, slots=True)
class Outcome:
    kind: str = ""  # "wsgi" or "asgi"
    problem: str = ""
    detail: str = ""  # the traceback, when importing raised
    seen: dict[str, object] = field(default_factory=dict)  # what `look` has found


Look = Callable[[LoadedApp], dict[str, object]]  # runs in the child; what it returns must be JSON


def load_in_child(config: Config, look: Look = lambda _: {}) -> Outcome:
    """Takes at most `boot_timeout`, if that is set."""
    assert config.wsgi_app is not None
    reading, writing = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _report(config, config.wsgi_app, look, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123  # a descriptor
        answered = bool(select.select([pipe], [], [], config.boot_timeout or None)[0])
        line = pipe.readline() if answered else b""
    if not answered:
        os.kill(pid, signal.SIGKILL)
    ended = processes.how_it_ended(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    if not answered:
        return Outcome(problem=f"it is still being loaded after {config.boot_timeout:g} s (limit: --boot-timeout)")
    return Outcome(**json.loads(line)) if line else Outcome(problem=f"the process ended while loading it: {ended}")


def loaded_in_child(config: Config, look: Look) -> Outcome:
    """One that was loaded. Raises BootError; the traceback, if there is one, is on stderr then."""
    outcome = load_in_child(config, look)
    if outcome.detail:
        print(outcome.detail, file=sys.stderr)
    if outcome.problem:
        raise BootError(outcome.problem)
    return outcome


def _report(config: Config, spec: str, look: Look, writing: int) -> None:
    """Runs in the child, and ends it."""
    try:
        app = _load(config, spec)
        outcome: dict[str, object] = {"kind": app.kind, "seen": look(app)}
    except TonnageError as exc:
        outcome = {"problem": str(exc), "detail": format_exception(exc.__cause__)[-60_000:] if exc.__cause__ else ""}
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with open(writing, "wb") as pipe:
        pipe.write(json.dumps(outcome).encode() + b"\n")
    os._exit(0)


def _load(config: Config, spec: str) -> LoadedApp:
    os.chdir(config.chdir)
    os.environ.update(config.env)
    logconfig.apply(config)
    access.open_access_log(config)
    privileges.drop(config.user, config.group, initgroups=config.initgroups)
    return load_app(spec, [config.chdir, *config.pythonpath])
