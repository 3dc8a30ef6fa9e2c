"""Build a worker from settings: which class, and what all classes have in common.

The class is decided here, where the application is known: the supervisor never imports it.
"""

from __future__ import annotations

import logging
import math
import os
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tonnage.app.load import LoadedApp
from tonnage.app.probe import ask
from tonnage.config.model import Config
from tonnage.errors import AppLoadError
from tonnage.hooks import Worker, accepts
from tonnage.http import forwarded
from tonnage.http.limits import Limits, Policy
from tonnage.messages import Recycle
from tonnage.observe.access import AccessLog
from tonnage.system.baton import Baton
from tonnage.system.seat import Seat
from tonnage.workers.deadline import Deadline
from tonnage.workers.desk import Desk
from tonnage.workers.doors import Doors, open_doors
from tonnage.workers.exchange import DateClock, Tools
from tonnage.workers.gil import GilGauge
from tonnage.workers.lifecycle import Service
from tonnage.workers.poller import open_poller
from tonnage.workers.rules import Rules, Timeouts
from tonnage.workers.siblings import Siblings
from tonnage.workers.threads import Loop, MakeDesk
from tonnage.workers.watchdog import Watchdog, describe_worker
from tonnage.workers.witness import AccessWitness, HookWitness, Witness, before

if TYPE_CHECKING:
    from tonnage.system.tls import Certificates


def open_service(
    seat: Seat, app: LoadedApp, config: Config, access: AccessLog | None, log: logging.Logger, baton: Baton,
    certificates: Certificates | None = None, *, is_class_given: bool,
) -> Service:  # fmt: skip
    """Raises AppLoadError when the application is of the other calling convention, BootError when it cannot start,
    ConfigError for unusable TLS.
    """
    kind = choose(app, config, is_class_given=is_class_given)
    rules = _rules(
        config, seat, _witness(config, access, seat.worker, log), lambda reason: seat.channel.send(Recycle(reason))
    )
    doors = open_doors(seat, config, log, baton, is_tls=certificates is not None)
    if kind == "asgi":
        from tonnage.workers.asyncio.opening import open_asgi  # noqa: PLC0415 - WSGI workers need no event loop

        return open_asgi(seat, app, config, access, log, doors, rules, certificates)
    return _open_threads(seat, app, config, access, log, baton, doors, rules, certificates)


def choose(app: LoadedApp, config: Config, *, is_class_given: bool) -> str:
    """The worker class. Raises AppLoadError."""
    name = config.worker_class
    if app.kind == "asgi" and name != "asgi":
        if is_class_given:
            raise AppLoadError(
                f"{config.wsgi_app} is an ASGI application, and worker class {name} calls WSGI ones. "
                "Use --worker-class asgi, or none: then the application decides."
            )
        return "asgi"
    if app.kind == "wsgi" and name == "asgi" and not accepts(app.call, 3):
        raise AppLoadError(
            f"{config.wsgi_app} is a WSGI application, and worker class asgi calls ASGI ones. "
            "Use --worker-class gthread with --threads, or sync."
        )
    return name


def _open_threads(
    seat: Seat, app: LoadedApp, config: Config, access: AccessLog | None, log: logging.Logger, baton: Baton,
    doors: Doors, rules: Rules, certificates: Certificates | None,
) -> Loop:  # fmt: skip
    worker = seat.worker
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
    desk: MakeDesk = Desk
    if certificates is not None:
        tools, desk = _with_tls(tools, config, certificates)
    loop = Loop(
        open_poller(), doors.entrances, tools, rules, seat.scoreboard.slot(seat.slot), threads,
        None if is_tls else baton, access, desk,
    )  # fmt: skip
    if config.health_path is not None:
        ask(app.call, config.health_path, doors.listening[0].gateway)
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
