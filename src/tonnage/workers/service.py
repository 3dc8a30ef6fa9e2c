"""Build the sync or gthread worker from settings: the one place of `workers` that reads them."""

from __future__ import annotations

import logging
import math
import os
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from tonnage import __version__
from tonnage.app.environ import Gateway
from tonnage.app.load import LoadedApp
from tonnage.app.probe import ask
from tonnage.config.model import Config
from tonnage.config.values import UnixAddress
from tonnage.errors import AppLoadError
from tonnage.hooks import Worker
from tonnage.http import forwarded
from tonnage.http.limits import Limits, Policy
from tonnage.messages import Recycle
from tonnage.observe.access import AccessLog
from tonnage.system.baton import Baton
from tonnage.system.listeners import Listener
from tonnage.system.seat import Seat
from tonnage.workers.client import Door, SideDoor
from tonnage.workers.deadline import Deadline
from tonnage.workers.desk import Desk
from tonnage.workers.exchange import DateClock, Tools
from tonnage.workers.gil import GilGauge
from tonnage.workers.poller import open_poller
from tonnage.workers.rules import Rules, Timeouts
from tonnage.workers.siblings import Siblings
from tonnage.workers.threads import Loop, MakeDesk
from tonnage.workers.watchdog import Watchdog, describe_worker
from tonnage.workers.witness import AccessWitness, HookWitness, Witness, before

if TYPE_CHECKING:
    from tonnage.system.tls import Certificates

SOFTWARE = f"tonnage/{__version__}"


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


def open_service(
    seat: Seat, app: LoadedApp, config: Config, access: AccessLog | None, log: logging.Logger, baton: Baton,
    certificates: Certificates | None = None,
) -> Loop:  # fmt: skip
    """Raises AppLoadError when the application is of the other calling convention, ConfigError for unusable TLS."""
    worker = seat.worker
    if app.kind == "asgi":
        raise AppLoadError(
            f"{config.wsgi_app} is an ASGI application, and worker class {config.worker_class} calls WSGI ones; "
            "the asgi worker is not built yet."
        )
    threads = config.threads if config.worker_class != "sync" else 1
    log.debug("worker pid=%d serves with %d thread(s)", os.getpid(), threads)
    tools = Tools(
        application=app.call,
        log=log,
        date=DateClock(),
        directory=config.tmp_upload_dir,
        write_timeout=config.write_timeout,
        queue_timeout_ns=config.queue_timeout * 1e9 or math.inf,
        sendfile=config.sendfile,
        before=before(config.pre_request, worker),
    )
    is_tls = certificates is not None
    doors = [_door(listener, config, log, is_tls=is_tls) for listener in seat.listeners]
    aside = [_door(listener, config, log, is_tls=False) for listener in seat.listeners] if is_tls else doors
    rules = _rules(
        config, seat, _witness(config, access, worker, log), lambda reason: seat.channel.send(Recycle(reason))
    )
    desk: MakeDesk = Desk
    if certificates is not None:
        tools, desk = _with_tls(tools, config, certificates)
    loop = Loop(
        open_poller(), [*doors, SideDoor(baton, aside)], tools, rules, seat.scoreboard.slot(seat.slot), threads,
        None if is_tls else baton, access, desk,
    )  # fmt: skip
    if config.health_path is not None:
        ask(app.call, config.health_path, doors[0].gateway)
    deadline = Deadline(loop, seat.channel, worker, config.worker_abort, rules.witness, access, log)
    who, gauge = describe_worker(seat.age, seat.generation), GilGauge(seat.scoreboard.slot(seat.slot))
    watchdog = Watchdog(loop.dispatch, config.timeout, deadline, log, who, gauge)
    watchdog.start(access.flush if access is not None else None)
    return loop


def _witness(config: Config, access: AccessLog | None, worker: Worker, log: logging.Logger) -> Witness | None:
    witness: Witness | None = AccessWitness(access) if access is not None else None
    return HookWitness(config.post_request, worker, log, witness) if config.post_request is not None else witness


def _with_tls(tools: Tools, config: Config, certificates: Certificates) -> tuple[Tools, MakeDesk]:
    """Raises ConfigError."""
    from tonnage.workers.tls import Sessions, TlsDesk  # noqa: PLC0415 - ssl is 5 MB that other workers do without

    certificates.take_up(tools.log)
    sessions = Sessions(ragged=config.suppress_ragged_eofs)
    return replace(tools, line=sessions.line), partial(TlsDesk, sessions=sessions, certificates=certificates)


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


def _max_requests(config: Config) -> float:
    if config.max_requests == 0:
        return math.inf
    return config.max_requests + random.randint(0, config.max_requests_jitter)  # noqa: S311 - spreads, hides nothing


def _rules(config: Config, seat: Seat, witness: Witness | None, recycle: Callable[[str], object]) -> Rules:
    return Rules(
        timeouts=Timeouts(config.head_timeout, config.body_timeout, config.write_timeout, config.keepalive),
        limits=Limits.of(
            request_line=config.limit_request_line,
            fields=config.limit_request_fields,
            field_size=config.limit_request_field_size,
            body=config.limit_request_body,
        ),
        policy=Policy(
            header_map=config.header_map,
            forwarder_fields=frozenset(config.forwarder_headers),
            permit_unconventional_method=config.permit_unconventional_http_method,
            permit_unconventional_version=config.permit_unconventional_http_version,
            permit_obsolete_folding=config.permit_obsolete_folding,
            casefold_method=config.casefold_http_method,
            strip_field_spaces=config.strip_header_spaces,
            keep_alive_s=int(config.keepalive),
        ),
        connections=config.worker_connections,
        siblings=Siblings(seat.scoreboard, seat.slot),
        is_trusted=forwarded.trust(config.forwarded_allow_ips),
        witness=witness,
        queue_timeout=config.queue_timeout,
        max_requests=_max_requests(config),
        recycle=recycle,
    )
