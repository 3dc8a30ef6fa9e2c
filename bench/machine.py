"""Where and with what it was measured; no names, no paths."""

import datetime as dt
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from .peers import Peer

ROOT = Path(__file__).resolve().parent.parent


LIBRARIES = (
    "django",
    "fastapi",
    "gevent",
    "httptools",
    "uvloop",
    "websockets",
    "gunicorn_h1c",
)  # the last is the C parser that Gunicorn uses where it is installed


def about(rounds: int, seconds: int, idle: int) -> dict[str, str]:
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": _said("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "wrk": _said("wrk", "--version").partition(" [")[0],
        "rounds": str(rounds),
        "seconds": str(seconds),
        "idle": str(idle),
    }


def versions(peers: Iterable[Peer]) -> dict[str, str]:
    found = {}
    for package in sorted({peer.package for peer in peers} | set(LIBRARIES)):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "unknown"
    return (done.stdout or done.stderr).partition("\n")[0].strip() or "unknown"
