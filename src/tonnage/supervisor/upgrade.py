"""A new supervisor beside this one, by exec, with the same listeners: new code of the server itself, no closed port.

    USR2 ──> old supervisor ── fork, exec of its own command line ──> new supervisor ("heir")
             both serve, from one accept queue
    TERM ──> old one drains and ends; the heir takes the pid file's name          the upgrade is done
    or TERM ──> heir ends, the old one has never stopped serving                  the upgrade is undone

WINCH in between sends the old one's workers away and keeps it, to be brought back by HUP, as in Gunicorn. If the heir
ends while it is alone in serving, they come back by themselves.

What the heir inherits stands in one environment variable: for which process it is, who left it, the listeners, a pipe
to tell when it serves. Who left it may be gone when it is read: then the heir takes over at its first turn.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tonnage.config.values import address
from tonnage.hooks import Server, ServerHook
from tonnage.supervisor.cradle import guard
from tonnage.supervisor.facts import Fact, HeirGone, HeirServes
from tonnage.supervisor.life import flush
from tonnage.system import activation, notify, processes, signals
from tonnage.system.listeners import Listener

VARIABLE = "TONNAGE_HEIRLOOM"
SUFFIX = ".2"  # of the heir's pid file; Gunicorn's


@dataclass(frozen=True, slots=True)
class Command:
    """How this supervisor was started."""

    words: tuple[str, ...]  # without the interpreter
    cwd: Path
    environ: Mapping[str, str]
    activated: tuple[str, ...] = ()  # names of the sockets that the service manager has opened


@dataclass(frozen=True, slots=True)
class Heirloom:
    """What another supervisor has left to this one."""

    parent: int
    ready_fd: int
    listeners: list[Listener]

    def is_shared(self) -> bool:
        """The other one is still there."""
        return os.getppid() == self.parent


def take(environ: MutableMapping[str, str]) -> Heirloom | None:
    text = environ.pop(VARIABLE, "")
    if not text:
        return None
    found = json.loads(text)
    if found["pid"] != os.getpid():  # somebody has copied our environment
        return None
    os.set_inheritable(found["ready_fd"], False)
    return Heirloom(found["parent"], found["ready_fd"], [_listener(*each) for each in found["listeners"]])


def _listener(fd: int, where: str, url: str, file: list[int] | None) -> Listener:
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)
    sock.setblocking(False)
    return Listener(sock, address(where), url, (file[0], file[1]) if file else None)


class Upgrade:
    """The old one's side."""

    def __init__(self, command: Command, selector: selectors.BaseSelector, log: logging.Logger) -> None:
        self.pid = 0  # of the heir
        self.serves = False
        self._command = command
        self._selector = selector
        self._log = log
        self._ready: int | None = None  # readable when it serves, end of file when it never will
        self._has_ended = False

    def start(self, listeners: Sequence[Listener], server: Server, pre_exec: ServerHook | None) -> str:
        """Why not, or ""."""
        if self.pid:
            return f"another upgrade is under way, supervisor {self.pid} has been started already; one at a time"
        try:
            ready, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as exc:
            return f"there is no pipe to it: {exc.strerror}"
        flush()
        parent = os.getpid()
        with signals.held_back() as mask:
            try:
                pid = os.fork()
            except OSError as exc:
                os.close(ready)
                os.close(tell)
                return f"it cannot be forked: {exc.strerror}"
            if pid == 0:
                self._exec(parent, listeners, tell, server, pre_exec, mask)
        os.close(tell)
        self.pid, self._ready = pid, ready
        self._selector.register(ready, selectors.EVENT_READ, self._hear)
        self._log.info("Supervisor %d is started beside this one (%d).", pid, os.getpid())
        return ""

    def reap(self) -> Iterable[Fact]:
        """Whether the heir has ended. Until `forget`, when that has been taken in, no other is started."""
        if self.pid and not self._has_ended and (code := processes.reap(self.pid)) is not None:
            yield from self.was_reaped(self.pid, code)

    def was_reaped(self, pid: int, code: int) -> Iterable[Fact]:
        """Any child that is not of the crew: a subreaper, looking for strangers, may be the first to see it dead."""
        if pid != self.pid or self._has_ended:
            return
        self._has_ended = True
        self._forget_pipe()
        why = "" if self.serves else " before a worker of it was ready; its own lines above say why"
        yield HeirGone(f"supervisor {pid} {processes.how_it_ended(code)}{why}")

    def forget(self) -> None:
        self.pid, self.serves, self._has_ended = 0, False, False

    def _forget_pipe(self) -> None:
        if self._ready is not None:
            self._selector.unregister(self._ready)
            os.close(self._ready)
            self._ready = None

    def close(self) -> None:
        """In a forked child."""
        if self._ready is not None:
            os.close(self._ready)

    def _hear(self) -> Iterable[Fact]:
        assert self._ready is not None
        said = os.read(self._ready, 65536)
        self._forget_pipe()
        if said:  # end of file: its death will be heard of
            self.serves = True
            self._log.info(
                "Supervisor %d serves beside this one. TERM to this one (%d) completes the upgrade, TERM to that one "
                "undoes it.",
                self.pid,
                os.getpid(),
            )
            yield HeirServes()

    def _exec(
        self,
        parent: int,
        listeners: Sequence[Listener],
        tell: int,
        server: Server,
        pre_exec: ServerHook | None,
        mask: signals.Mask,
    ) -> NoReturn:
        command = self._command
        try:
            signal.set_wakeup_fd(-1)
            if pre_exec is not None:
                guard(self._log, "pre_exec", lambda: pre_exec(server))
            environ = dict(command.environ)
            environ[VARIABLE] = json.dumps(
                {
                    "pid": os.getpid(),  # the exec keeps it
                    "parent": parent,
                    "ready_fd": tell,
                    "listeners": [[each.sock.fileno(), str(each.address), each.url, each.file] for each in listeners],
                }
            )
            if command.activated:
                activation.hand_on(environ, os.getpid(), list(command.activated))
            notify.adopt(environ, os.getpid())
            for fd in (tell, *(each.sock.fileno() for each in listeners)):
                os.set_inheritable(fd, True)
            os.chdir(command.cwd)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.execve(sys.executable, [sys.executable, *command.words], environ)  # noqa: S606  # our own command line
        except OSError as exc:
            self._log.critical("%s cannot be executed: %s", sys.executable, exc.strerror)
        finally:
            os._exit(1)
