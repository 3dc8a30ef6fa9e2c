"""Build the asgi worker from settings; what it has in common with the others is in workers/service.py."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping
from functools import partial
from time import monotonic_ns
from typing import cast

from tonnage.app.asgi import Application, Host, Mount
from tonnage.app.lifespan import Lifespan
from tonnage.app.load import LoadedApp
from tonnage.app.probe import ask_asgi
from tonnage.config.model import Config
from tonnage.config.values import UnixAddress
from tonnage.messages import Recycle
from tonnage.observe.access import AccessLog
from tonnage.system.listeners import Listener
from tonnage.system.scoreboard import Cell
from tonnage.system.seat import Seat
from tonnage.system.tls import Certificates
from tonnage.workers.asyncio.desk import Desk
from tonnage.workers.asyncio.loops import new_loop
from tonnage.workers.asyncio.reception import Porter
from tonnage.workers.asyncio.service import Loop
from tonnage.workers.asyncio.upgrading import Upgrader, terms_of
from tonnage.workers.asyncio.watchdog import Watchdog
from tonnage.workers.client import Door
from tonnage.workers.doors import Doors
from tonnage.workers.rules import Rules
from tonnage.workers.watchdog import describe_worker
from tonnage.workers.witness import before

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - not bound to, but recognised
MARGIN_S = 0.5  # of boot_timeout, after which we are killed


def open_asgi(
    seat: Seat, app: LoadedApp, config: Config, access: AccessLog | None, log: logging.Logger, doors: Doors,
    rules: Rules, certificates: Certificates | None,
) -> Loop:  # fmt: skip
    """Raises BootError when the application cannot start, ConfigError for unusable TLS."""
    if certificates is not None:
        certificates.take_up(log)
    application = cast("Application", app.call)
    loop = new_loop(config.asgi_loop)
    mounts = {
        door: mount(door, listener, config)
        for each in (doors.listening, doors.aside)
        for door, listener in zip(each, seat.listeners, strict=True)
    }
    slot = seat.scoreboard.slot(seat.slot)
    desk = Desk(loop, application, rules, slot, log, mounts)
    desk.before = before(config.pre_request, seat.worker)
    desk.access = access
    desk.upgrade = Upgrader(terms_of(config), log).open
    desk.sendfile = config.sendfile
    desk.timeout_s = config.timeout or math.inf
    desk.grace_s = config.asgi_disconnect_grace_period
    desk.concurrency = config.asgi_concurrency
    lifespan = Lifespan(application, config.asgi_lifespan, log)
    loop.run_until_complete(lifespan.startup(_patience_s(config, slot.cells[Cell.BEAT_NS])))
    desk.state = lifespan.state
    if config.health_path is not None:
        loop.run_until_complete(ask_asgi(application, config.health_path, mounts[doors.listening[0]], lifespan.state))
    log.debug("worker pid=%d serves on %s", os.getpid(), type(loop).__module__)
    service = Loop(desk, Porter(desk, doors.entrances, certificates, log), lifespan, log)
    watchdog = Watchdog(service, desk, config, log, describe_worker(seat.age, seat.generation))
    watchdog.condemn = lambda reason: seat.channel.send(Recycle(reason, urgent=True))
    if config.worker_abort is not None:
        watchdog.hook = partial(config.worker_abort, seat.worker)
    watchdog.start()
    return service


def _patience_s(config: Config, since_ns: int) -> float | None:
    """What is left of boot_timeout."""
    if config.boot_timeout <= 0:
        return None
    return max(MARGIN_S, config.boot_timeout - (monotonic_ns() - since_ns) / 1e9 - MARGIN_S)


def mount(door: Door, listener: Listener, config: Config) -> Mount:
    server: Host | None
    if door.is_unix:
        address = listener.address
        server = (str(address.path) if isinstance(address, UnixAddress) else door.url.removeprefix("unix:"), None)
    else:
        host, port = listener.sock.getsockname()[:2]
        server = None if host in WILDCARDS else (host, port)
    return Mount(
        server,
        config.root_path or os.environ.get("SCRIPT_NAME", ""),
        _markers(config.secure_scheme_headers),
        "SCRIPT_NAME" in config.forwarder_headers or "*" in config.forwarder_headers,
    )


def _markers(settings: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in settings.items()}
