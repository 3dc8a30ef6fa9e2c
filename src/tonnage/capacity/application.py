"""What a loaded application says of itself. `examine` runs in the process that has loaded it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from tonnage.app.load import LoadedApp
from tonnage.system import memory


@dataclass(frozen=True, slots=True)
class Application:
    kind: str  # "wsgi" or "asgi"
    octets: int  # PSS after the import, before any request: a worker will take more, not less
    framework: str = ""
    debug: bool | None = None  # None: it has no such switch that we know
    allowed_hosts: tuple[str, ...] | None = None


def examine(app: LoadedApp) -> dict[str, object]:
    """As JSON can carry it; `Application(**it)` on the other side."""
    seen: dict[str, object] = {"kind": app.kind, "octets": memory.measure(os.getpid()).share}
    return seen | (_django() or _others(app))


def application(seen: dict[str, object]) -> Application:
    hosts = seen.get("allowed_hosts")
    debug = seen.get("debug")
    return Application(
        kind=str(seen["kind"]),
        octets=int(str(seen["octets"])),
        framework=str(seen.get("framework", "")),
        debug=debug if isinstance(debug, bool) else None,
        allowed_hosts=tuple(map(str, hosts)) if isinstance(hosts, list) else None,
    )


def _django() -> dict[str, object]:
    module = sys.modules.get("django.conf")
    if module is None or not module.settings.configured:
        return {}
    settings = module.settings
    return {"framework": "Django", "debug": bool(settings.DEBUG), "allowed_hosts": list(settings.ALLOWED_HOSTS)}


def _others(app: LoadedApp) -> dict[str, object]:
    """Flask, Quart, Starlette and FastAPI have a `debug` on the application itself."""
    debug = getattr(app.call, "debug", None)
    return {"framework": type(app.call).__module__.partition(".")[0], "debug": debug} if isinstance(debug, bool) else {}
