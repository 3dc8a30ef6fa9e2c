"""The entrances of a worker: a door for each listener, and the side door for connections that siblings hand in."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from types import MappingProxyType

from tonnage import __version__
from tonnage.app.environ import Gateway
from tonnage.config.model import Config
from tonnage.config.values import UnixAddress
from tonnage.system.baton import Baton
from tonnage.system.listeners import Listener
from tonnage.system.seat import Seat
from tonnage.workers.client import Door, Entrance, SideDoor

SOFTWARE = f"tonnage/{__version__}"


@dataclass(frozen=True, slots=True)
class Doors:
    listening: list[Door]  # in the order of the listeners
    aside: list[Door]  # as the connections see them that a sibling has passed on
    side: SideDoor

    @property
    def entrances(self) -> list[Entrance]:
        return [*self.listening, self.side]


class Errors:
    """`wsgi.errors`: what the application writes there becomes records of the error log, one for each write."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def write(self, text: str) -> int:
        if text.strip():
            self._log.error("%s", text.rstrip("\n"))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        """Every record is written at once."""


def open_doors(seat: Seat, config: Config, log: logging.Logger, baton: Baton, *, is_tls: bool) -> Doors:
    """What a sibling passes on is without TLS: a session cannot change its process."""
    listening = [_door(listener, config, log, is_tls=is_tls) for listener in seat.listeners]
    aside = [_door(listener, config, log, is_tls=False) for listener in seat.listeners] if is_tls else listening
    return Doors(listening, aside, SideDoor(baton, aside))


def _door(listener: Listener, config: Config, log: logging.Logger, *, is_tls: bool) -> Door:
    is_unix = isinstance(listener.address, UnixAddress) or listener.url.startswith("unix:")
    name = ("", "") if is_unix else listener.sock.getsockname()[:2]
    gateway = Gateway(
        server_name=name[0],
        server_port=str(name[1]),
        multithread=config.threads > 1,
        multiprocess=config.workers != 1,
        software=SOFTWARE,
        script_name=os.environ.get("SCRIPT_NAME", ""),
        scheme="https" if is_tls else "http",
        https_markers=MappingProxyType(
            {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in config.secure_scheme_headers.items()}
        ),
        script_name_field="SCRIPT_NAME" in config.forwarder_headers or "*" in config.forwarder_headers,
        errors=Errors(log),
    )
    return Door(listener.sock, gateway, listener.url, is_unix=is_unix, is_tls=is_tls)
