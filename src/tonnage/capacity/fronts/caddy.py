"""A Caddyfile -> routes. Caddy itself turns it into its JSON (`caddy adapt`); a .json file is read as that.

Defaults: caddyserver.com/docs, reverse_proxy: it sets X-Forwarded-For and -Proto and passes Host on, keeps idle
connections for two minutes, and waits for an answer as long as it takes.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from tonnage.capacity.fronts.nginx import address
from tonnage.capacity.fronts.route import Route
from tonnage.config.values import Address, UnixAddress
from tonnage.errors import ConfigError

IDLE_S = 120.0
HEAD_OCTETS = 1 << 20  # Go's net/http
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)")
ADAPT_S = 60.0

Node = Mapping[str, "Value"]
Value = None | bool | float | str | list["Value"] | Mapping[str, "Value"]


@dataclass(frozen=True, slots=True)
class Scope:
    where: str
    head_octets: float
    body_octets: float = inf


def routes(file: Path) -> list[Route]:
    """Raises ConfigError."""
    try:
        tree: Value = json.loads(file.read_bytes() if file.suffix == ".json" else _adapted(file))
    except ValueError as exc:
        raise ConfigError(f"{file} is no configuration of Caddy: {exc}") from None
    servers = _node(_at(tree, "apps", "http", "servers"))
    return [route for name, server in servers.items() for route in _server(f"{file} ({name})", _node(server))]


def _adapted(file: Path) -> bytes:
    caddy = shutil.which("caddy")
    if caddy is None:
        raise ConfigError(
            f"to read {file} Caddy itself is needed, and there is none in $PATH. Where it runs, "
            f"`caddy adapt --config {file}` writes the JSON that can be given instead."
        )
    command = [caddy, "adapt", "--config", str(file), "--adapter", "caddyfile"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=ADAPT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{file} cannot be read: {shlex.join(command)} has not ended within {ADAPT_S:g} s") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="backslashreplace").strip().splitlines()
        raise ConfigError(f"{file} cannot be read: {said[-1] if said else f'exit code {done.returncode}'}")
    return done.stdout


def _server(where: str, server: Node) -> Iterator[Route]:
    head = _number(server.get("max_header_bytes")) or HEAD_OCTETS
    for route in _list(server.get("routes")):
        yield from _handlers(_node(route), Scope(where, head))


def _handlers(route: Node, scope: Scope) -> Iterator[Route]:
    """In their order: a limit counts for those that come after it, and within them."""
    for handler in map(_node, _list(route.get("handle"))):
        match handler.get("handler"):
            case "request_body":
                scope = replace(scope, body_octets=_number(handler.get("max_size")) or inf)
            case "subroute":
                for each in _list(handler.get("routes")):
                    yield from _handlers(_node(each), scope)
            case "reverse_proxy":
                yield _route(handler, scope)


def _route(handler: Node, scope: Scope) -> Route:
    transport = _node(handler.get("transport"))
    keep = _node(transport.get("keep_alive"))
    request = _node(_at(handler, "headers", "request"))
    fields = {name.lower(): str(_list(value)[0]) for name, value in _node(request.get("set")).items() if _list(value)}
    deleted = {str(name).lower() for name in _list(request.get("delete"))}
    waits = [_seconds(transport.get(name)) or inf for name in ("response_header_timeout", "read_timeout")]
    return Route(
        syntax="Caddy",
        where=scope.where,
        upstreams=tuple(_dialled(str(_node(each).get("dial", ""))) for each in _list(handler.get("upstreams"))),
        passes_host="upstream" not in fields.get("host", "") and "host" not in deleted,
        forwards_proto="x-forwarded-proto" not in deleted,
        forwards_for="x-forwarded-for" not in deleted,
        starts_clock="x-request-start" in fields or "x-queue-start" in fields,
        keeps=keep.get("enabled") is not False,
        idle_s=_seconds(keep.get("idle_timeout")) or IDLE_S,
        read_timeout_s=min(waits),
        body_octets=scope.body_octets,
        line_octets=scope.head_octets,
    )


def _dialled(text: str) -> Address:
    """`unix//run/app.sock` is /run/app.sock: the network, a slash, and the path."""
    if text.startswith("unix/"):
        path = text.removeprefix("unix/").partition("|")[0]
        return UnixAddress("\0" + path[1:] if path.startswith("@") else path)
    return address(text.removeprefix("tcp/"))


def _at(tree: Value, *names: str) -> Value:
    for name in names:
        tree = _node(tree).get(name)
    return tree


def _node(value: Value) -> Node:
    return value if isinstance(value, Mapping) else {}


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _seconds(value: Value) -> float:
    """Nanoseconds, or text as Go has it, and days: 10s, 1h30m, 1.5d (caddyserver.com/docs/conventions). For 0 none."""
    if not isinstance(value, str):
        return _number(value) / 1e9
    parts = PART.findall(value)
    if value.lstrip("+-") != "".join(map("".join, parts)) and value != "0":
        raise ConfigError(f"{value!r} is no duration that Caddy knows")
    return 0.0 if value.startswith("-") else sum(float(number) * SECONDS[unit] for number, unit in parts)


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
