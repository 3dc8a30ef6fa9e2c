"""`Config`: every setting, typed and immutable. `config.workers` is an int to mypy and to the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tonnage.config.sections.capacity import Capacity
from tonnage.config.sections.hooks import Hooks
from tonnage.config.sections.limits import Limits
from tonnage.config.sections.logs import Logs
from tonnage.config.sections.operation import ControlInterface, Development, Dirty
from tonnage.config.sections.process import Process
from tonnage.config.sections.protocols import Asgi, Http2
from tonnage.config.sections.proxies import Proxies
from tonnage.config.sections.sockets import Sockets
from tonnage.config.sections.timeouts import Timeouts
from tonnage.config.sections.tls import Tls
from tonnage.config.sections.websockets import WebSockets
from tonnage.config.sections.workers import Workers
from tonnage.config.setting import Spec, declared

SECTIONS: tuple[type, ...] = (
    Sockets,
    Workers,
    Timeouts,
    Limits,
    Proxies,
    Process,
    Logs,
    Tls,
    Asgi,
    WebSockets,
    Http2,
    Development,
    ControlInterface,
    Capacity,
    Dirty,
    Hooks,
)


@dataclass(frozen=True, kw_only=True)
class Config(
    Sockets,
    Workers,
    Timeouts,
    Limits,
    Proxies,
    Process,
    Logs,
    Tls,
    Asgi,
    WebSockets,
    Http2,
    Development,
    ControlInterface,
    Capacity,
    Dirty,
    Hooks,
):
    """What the server runs by. `Config()` has every default, for tests."""

    @property
    def address(self) -> tuple[str, ...]:
        """Under this name hooks written for Gunicorn look for the binds."""
        return tuple(str(each) for each in self.bind)

    @property
    def is_ssl(self) -> bool:
        return bool(self.certfile or self.keyfile)

    @property
    def env(self) -> dict[str, str]:
        """`raw_env` as names and values."""
        return dict(line.split("=", 1) for line in self.raw_env)


SPECS: Mapping[str, Spec] = MappingProxyType({spec.name: spec for section in SECTIONS for spec in declared(section)})
