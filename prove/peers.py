"""The servers that are shown: one entry each, with the command line that is run.

Every server gets what its own manual advises for production, in the class that suits it: two workers, nginx in front
with kept connections, no access log, workers that died replaced. What it has no means for is not asked of it.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from string import Template


class Ability(Enum):
    RELOAD = auto()  # SIGHUP: the code anew
    SETTINGS = auto()  # a reload reads the settings anew
    RECYCLE = auto()  # a worker is replaced after so many requests
    SCALE = auto()  # SIGTTIN, SIGTTOU
    UPGRADE = auto()  # SIGUSR2: a new supervisor takes over the listeners
    ZYGOTE = auto()  # workers are forked from a process that has imported the application


@dataclass(frozen=True, slots=True)
class Wants:
    """What a scenario asks of the settings."""

    workers: int = 2
    max_requests: int = 0
    preload: bool = False
    boot_timeout_s: int = 0


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    package: str  # the distribution on PyPI
    about: str
    command: str
    can: frozenset[Ability]
    ways: tuple[str, ...] = ("tcp", "nginx")
    recycle: str = ""  # the flags for $max_requests
    preload: str = ""
    boot_timeout: str = ""
    settles_s: float = 3.0  # how long it takes at most until a reload that fails has failed
    shows: frozenset[str] | None = None  # only these, by name: in the others it does as its sibling does; None: all

    @property
    def is_ours(self) -> bool:
        return self.package == "tonnage"

    def is_in(self, name: str) -> bool:
        return self.shows is None or name in self.shows

    def arguments(self, wants: Wants, values: Mapping[str, str]) -> list[str]:
        flags = [
            self.command,
            self.recycle if wants.max_requests else "",
            self.preload if wants.preload else "",
            self.boot_timeout if wants.boot_timeout_s else "",
        ]
        asked = {name: str(getattr(wants, name)) for name in ("workers", "max_requests", "boot_timeout_s")}
        started = {"python": sys.executable, "bin": str(Path(sys.executable).parent), "tonnage": tonnage()}
        return shlex.split(Template(" ".join(filter(None, flags))).substitute(asked, **started, **values))


def tonnage() -> str:
    """The installed console script; TONNAGE names another command, as for the live tests."""
    script = Path(sys.executable).with_name("tonnage")
    return os.environ.get("TONNAGE") or (str(script) if script.exists() else f"{sys.executable} -m tonnage")


BINDS = "--workers $workers --bind 127.0.0.1:$port --bind unix:$unix --pid $pidfile --config $settings"
WITH_THREADS = frozenset({"quiet", "reload-slow", "recycle-1", "stop-queue", "kill-worker"})
TONNAGE = Peer(
    "tonnage sync",
    "tonnage",
    "one thread per worker",
    f"$tonnage app:application {BINDS}",
    can=frozenset(Ability),
    ways=("tcp", "unix", "nginx"),
    recycle="--max-requests $max_requests",
    preload="--preload",
    boot_timeout="--boot-timeout $boot_timeout_s",
)
GUNICORN = Peer(
    "gunicorn sync",
    "gunicorn",
    "one thread per worker, no keep-alive",
    f"$python -m gunicorn app:application {BINDS}",
    can=frozenset(Ability) - {Ability.ZYGOTE},
    ways=("tcp", "unix", "nginx"),
    recycle="--max-requests $max_requests --max-requests-jitter 5",
    settles_s=4.0,
)


def threaded(peer: Peer, name: str) -> Peer:
    command = f"{peer.command} --worker-class gthread --threads 4"
    return replace(peer, name=name, about="4 threads per worker", command=command, shows=WITH_THREADS)


PEERS = (
    TONNAGE,
    threaded(TONNAGE, "tonnage gthread"),
    replace(
        TONNAGE,
        name="tonnage asgi",
        about="one loop per worker; the application as ASGI",
        command=f"$tonnage app:asgi {BINDS} --worker-class asgi",
    ),
    GUNICORN,
    threaded(GUNICORN, "gunicorn gthread"),
    Peer(
        "uvicorn",
        "uvicorn",
        "asyncio; the application as ASGI",
        "$python -m uvicorn app:asgi --workers $workers --host 127.0.0.1 --port $port --no-access-log "
        "--timeout-graceful-shutdown 30",
        can=frozenset({Ability.RELOAD, Ability.RECYCLE, Ability.SCALE}),
        recycle="--limit-max-requests $max_requests --limit-max-requests-jitter 5",
        settles_s=6.0,  # --timeout-worker-healthcheck is 5 s
    ),
    Peer(
        "granian",
        "granian",
        "WSGI, 4 Python threads per worker, beside its own for I/O",
        "$bin/granian app:application --interface wsgi --http 1 --no-ws --workers $workers --host 127.0.0.1 "
        "--port $port --blocking-threads 4 --respawn-failed-workers --workers-kill-timeout 30",
        can=frozenset({Ability.RELOAD}),
        settles_s=8.0,  # --respawn-interval is 3.5 s, for each worker
    ),
)
