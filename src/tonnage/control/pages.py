"""What the admin address answers, path by path. Pure: an Overview in, octets out.

| path | for |
|---|---|
| `/metrics` | Prometheus |
| `/-/live` | a liveness probe: 200 as long as the supervisor turns |
| `/-/ready` | a readiness probe: 200 while a worker takes requests, 503 otherwise, with the reason |
| `/-/status` | programs: the whole observation as JSON, as `tonnage status --json` |
| `/` | people: the dashboard, whose parts are all here |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from tonnage.control import metrics
from tonnage.control.overview import Overview

PLAIN = "text/plain; charset=utf-8"
DASHBOARD = Path(__file__).with_name("dashboard")
ASSETS = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/dashboard.js": ("dashboard.js", "text/javascript; charset=utf-8"),
    "/dashboard.css": ("dashboard.css", "text/css; charset=utf-8"),
    "/uplot.js": ("uPlot.iife.min.js", "text/javascript; charset=utf-8"),
    "/uplot.css": ("uPlot.min.css", "text/css; charset=utf-8"),
}
GUARDS = (
    ("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)


@dataclass(frozen=True, slots=True)
class Page:
    status: str
    kind: str  # its Content-Type
    content: bytes
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def all_fields(self) -> list[tuple[str, str]]:
        return [("Content-Type", self.kind), *GUARDS, *self.fields]


def answer(method: str, path: str, look: Callable[[], Overview]) -> Page:
    """`look` is called when the page needs it."""
    if method not in ("GET", "HEAD"):
        return _text("405 Method Not Allowed", "These pages are only read: GET or HEAD.", ("Allow", "GET, HEAD"))
    if path in ASSETS:
        name, kind = ASSETS[path]
        return Page("200 OK", kind, (DASHBOARD / name).read_bytes())
    match path:
        case "/metrics":
            page = Page("200 OK", metrics.CONTENT_TYPE, metrics.render(look()).encode())
        case "/-/live":
            page = _text("200 OK", "live")
        case "/-/ready":
            is_ready, why = readiness(look())
            page = _text("200 OK" if is_ready else "503 Service Unavailable", why)
        case "/-/status":
            page = Page("200 OK", "application/json", json.dumps(look().as_object()).encode())
        case _:
            page = _text("404 Not Found", "There are /metrics, /-/live, /-/ready, /-/status and /.")
    return page


def readiness(seen: Overview) -> tuple[bool, str]:
    """Whether traffic should be sent here, and why."""
    if seen.mode != "serving":
        return False, f"not ready: the server is {seen.mode}"
    if not seen.ready:
        return False, f"not ready: no worker is, of {seen.want} that are wanted"
    return True, f"ready: {seen.ready} of {seen.want} workers are"


def is_foreign(host: str) -> bool:
    """A name that a browser was talked into resolving to this machine (DNS rebinding); addresses cannot be lied about.

    To be asked where only this machine can come from. `host` is the field, or "" when there was none.
    """
    name = host.rpartition(":")[0] if host[-1:].isdecimal() and not host.endswith("]") and ":" in host else host
    name = name.strip("[]").lower()
    if name in ("", "localhost"):
        return False
    try:
        ip_address(name)
    except ValueError:
        return True
    return False


def foreign() -> Page:
    return _text("421 Misdirected Request", "This address answers to localhost, and to its number.")


def _text(status: str, text: str, *fields: tuple[str, str]) -> Page:
    return Page(status, PLAIN, f"{text}\n".encode(), fields)
