"""Listening sockets that the service manager has opened for us: sd_listen_fds(3).

The manager keeps them open while we restart, so that clients wait in the accept queue instead of being refused.

The variables are removed, for what the application starts has no such sockets. Nothing is opened or closed here: the
sockets come as addresses for `open_listeners`, like any other fd://N.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass

from tonnage.config.values import FdAddress
from tonnage.errors import BindError

FIRST = 3  # SD_LISTEN_FDS_START
UNNAMED = "unknown"  # what the manager calls a socket without FileDescriptorName=, when it says no names at all
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")


@dataclass(frozen=True, slots=True)
class Activated:
    address: FdAddress
    name: str  # FileDescriptorName= of the socket unit, else the unit's name


@dataclass(frozen=True, slots=True)
class Activation:
    sockets: tuple[Activated, ...] = ()
    warning: str = ""

    @property
    def addresses(self) -> tuple[FdAddress, ...]:
        return tuple(each.address for each in self.sockets)


def take(environ: MutableMapping[str, str], pid: int) -> Activation:
    """What was handed to the process `pid`. Raises BindError when that is nothing we can listen on."""
    given = {name: environ.pop(name, "") for name in VARIABLES}
    if not given["LISTEN_FDS"]:
        return Activation()
    if given["LISTEN_PID"] != str(pid):
        meant = given["LISTEN_PID"] or "nobody"
        return Activation(
            warning=f"The sockets of $LISTEN_FDS are for process {meant}, and this is {pid}: they are not used. "
            "If a shell script starts the server, let it do so with `exec`."
        )
    try:
        count = int(given["LISTEN_FDS"])
    except ValueError:
        raise BindError(f"LISTEN_FDS = {given['LISTEN_FDS']!r} is not a number; it comes from a manager.") from None
    names = given["LISTEN_FDNAMES"].split(":")
    if len(names) != count:
        names = [UNNAMED] * count
    return Activation(tuple(_checked(FIRST + index, name or UNNAMED) for index, name in enumerate(names[:count])))


def hand_on(environ: MutableMapping[str, str], pid: int, names: list[str]) -> None:
    """The reverse, in the process that is about to exec: the descriptors from FIRST on are for it."""
    environ["LISTEN_PID"] = str(pid)
    environ["LISTEN_FDS"] = str(len(names))
    environ["LISTEN_FDNAMES"] = ":".join(names)


def _checked(fd: int, name: str) -> Activated:
    try:
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=os.dup(fd))
    except OSError as exc:
        raise BindError(
            f"the socket {name!r} (descriptor {fd}) of $LISTEN_FDS is no open socket: {exc.strerror}."
        ) from exc
    with sock:
        if sock.type != socket.SOCK_STREAM or sock.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            raise BindError(f"the socket {name!r} of $LISTEN_FDS is no stream socket; use ListenStream= in its unit.")
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise BindError(f"the socket {name!r} of $LISTEN_FDS does not listen; use Accept=no in its unit.")
    return Activated(FdAddress(fd), name)
