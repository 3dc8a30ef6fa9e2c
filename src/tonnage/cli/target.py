"""Which running server is meant: the one named, else the one of the configuration here, else the only one there is.

Never a guess between two: who is stopped must be who was meant.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tonnage.config import command_line
from tonnage.config.model import Config
from tonnage.config.resolve import Given
from tonnage.config.sources import load
from tonnage.control import places
from tonnage.control.client import Client
from tonnage.control.overview import Overview
from tonnage.control.places import ABSTRACT
from tonnage.control.requests import Done, Note, Request, Status
from tonnage.errors import ConfigError, ControlError, UsageError
from tonnage.system.pidfile import holder_of

NAME_IT = "name one with --control-socket or --pid, or with -c and its configuration"


@dataclass(frozen=True, slots=True)
class Words:
    """A command line: its own switches, and flags that are settings."""

    switches: frozenset[str]
    rest: tuple[str, ...]


def split(words: Sequence[str], *switches: str) -> Words:
    return Words(
        frozenset(word for word in words if word in switches), tuple(word for word in words if word not in switches)
    )


def connect(words: Words, environ: Mapping[str, str] | None = None) -> tuple[Client, Config]:
    """The server, and the settings that named it. Raises ControlError."""
    environ = os.environ if environ is None else environ
    flags, surplus = command_line.given(words.rest)
    if surplus:
        raise UsageError(f"{surplus[0]!r}: a running server is not called by its application; {NAME_IT}")
    config = _config(words, environ)
    where = {name: config for name in ("control_socket", "pidfile") if getattr(config, name)}
    named = [name for name in where if name in flags] or list(where)
    if "control_socket" in named:
        named_path = str(config.control_socket)
        return Client(Path(named_path) if named_path.startswith(ABSTRACT) else Path(config.chdir, named_path)), config
    if named:
        return by_pid(_running(Path(config.chdir, str(config.pidfile))), environ), config
    return _only_one(environ), config


def _config(words: Words, environ: Mapping[str, str]) -> Config:
    """Also with a configuration that cannot be read: that is when one wants to know, or to stop."""
    try:
        return load(words.rest, environ, Path.cwd()).config
    except ConfigError as exc:
        print(f"tonnage: the settings here cannot be read, the server is looked for without: {exc}", file=sys.stderr)
    flags, _ = command_line.given(words.rest)
    return Config(
        chdir=str(Path.cwd()),
        control_socket=_text(flags.get("control_socket")),
        pidfile=_text(flags.get("pidfile")),
    )


def _text(given: Given | None) -> str | None:
    return None if given is None or given.value is None else str(given.value)


def _running(pidfile: Path) -> int:
    pid = holder_of(pidfile)
    if pid is None:
        state = "is left over" if pidfile.exists() else "does not exist"
        remedy = "; --pid takes the path of such a file, not a number" if pidfile.name.isdecimal() else ""
        raise ControlError(f"the pid file {pidfile} {state}: no server{remedy}")
    return pid


def by_pid(pid: int, environ: Mapping[str, str]) -> Client:
    path = places.find(os.geteuid(), environ).get(pid)
    if path is None:
        raise ControlError(
            f"process {pid} has no control socket in the usual places. If it has one elsewhere, name it with "
            f"--control-socket; signals reach it anyway: HUP reloads, TERM stops, INT stops at once."
        )
    return proven(path, pid)


def proven(path: Path, pid: int) -> Client:
    client = Client(path)
    if client.pid not in (pid, 0):
        client.close()
        raise ControlError(f"{path} is answered by process {client.pid}, not by {pid}")
    return client


def _only_one(environ: Mapping[str, str]) -> Client:
    with ExitStack() as others:
        found: list[Client] = []
        for pid, path in sorted(places.find(os.geteuid(), environ).items()):
            try:
                found.append(others.enter_context(proven(path, pid)))
            except ControlError:
                continue  # left over by one that was killed
        if not found:
            whose = "" if os.geteuid() == 0 else " of this user"
            raise ControlError(f"no running server{whose} is found; {NAME_IT}")
        if len(found) > 1:
            choices = "\n".join(f"  --control-socket {client.path}   {_described(client)}" for client in found)
            raise ControlError(f"{len(found)} servers run here; {NAME_IT}:\n{choices}")
        others.pop_all()
        return found[0]


def all_running(environ: Mapping[str, str]) -> Iterator[Overview]:
    """Those that can be asked."""
    for pid, path in sorted(places.find(os.geteuid(), environ).items()):
        with suppress(ControlError), proven(path, pid) as client:  # left over, or of a version that speaks otherwise
            yield look(client)


def _described(client: Client) -> str:
    try:
        seen = look(client)
    except ControlError as exc:
        return str(exc)
    return f"pid {seen.pid}, {printable(', '.join(each.url for each in seen.listeners))}"


def look(client: Client) -> Overview:
    """Raises ControlError."""
    for answer in list(client.ask(Status())):
        if isinstance(answer, Overview):
            return answer
    raise ControlError(f"the server at {client.path} does not say what it does")


def follow(client: Client, request: Request) -> Done:
    """Ask, and print what happens until it is done."""
    for answer in client.ask(request):
        match answer:
            case Note(text):
                print(printable(text), flush=True)
            case Done():
                return answer
    raise ControlError(f"the server at {client.path} does not say how it ended")


def printable(text: str) -> str:
    """Nothing that would steer the terminal: request lines are written by strangers."""
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text)
