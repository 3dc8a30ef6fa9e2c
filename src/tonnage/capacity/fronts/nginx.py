"""nginx.conf -> routes. crossplane parses, and follows `include`; what a directive means at its place is decided here.

A directive counts for the block it stands in and all within, until one of them has its own; of proxy_set_header a block
that has any inherits none of those above. Defaults: nginx.org, ngx_http_proxy_module, ngx_http_core_module and
ngx_http_upstream_module.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import TypedDict

from tonnage.capacity.fronts.route import Route
from tonnage.config.values import Address, TcpAddress, UnixAddress
from tonnage.errors import ConfigError

KEEPS_BY_ITSELF = (1, 29, 7)  # from here on HTTP/1.1, no `Connection: close`, and `keepalive 32` are the defaults
SECONDS = {
    "": 1, "s": 1, "ms": 0.001, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 30 * 86400, "y": 365 * 86400,
}  # fmt: skip
OCTETS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
OPENS = {"http", "server", "location", "if", "limit_except"}
DEFAULTS = {
    "proxy_read_timeout": "60s",
    "client_max_body_size": "1m",
    "large_client_header_buffers": "8k",  # the last word: `4 8k` are four of them, and a line must fit into one
}
Version = tuple[int, ...]


class Directive(TypedDict, total=False):
    """As crossplane has it."""

    directive: str
    args: list[str]
    line: int
    file: str
    block: list[Directive]
    includes: list[int]  # files, by their place in the list


class File(TypedDict):
    file: str
    parsed: list[Directive]


@dataclass(frozen=True, slots=True)
class Upstream:
    servers: tuple[Address, ...]
    keepalive: int | None  # None: not said
    idle_s: float


@dataclass(frozen=True, slots=True)
class Scope:
    """What counts at one place."""

    values: Mapping[str, str] = field(default_factory=lambda: DEFAULTS)
    fields: Mapping[str, str] = field(default_factory=dict)

    def within(self, block: Sequence[Directive]) -> Scope:
        values = {each["directive"]: each["args"][-1] for each in block if each.get("args") and "block" not in each}
        fields = {
            each["args"][0].lower(): each["args"][-1]
            for each in block
            if each["directive"] == "proxy_set_header" and len(each["args"]) == 2
        }
        return replace(self, values={**self.values, **values}, fields=fields or self.fields)


def routes(file: Path, version: Version = ()) -> list[Route]:
    """Raises ConfigError. Of a file with an http block, or of what is meant to be included in one."""
    tree = _parse(file)
    everything = list(_all(tree))
    upstreams = {each["args"][0]: _upstream(each) for each in everything if each["directive"] == "upstream"}
    maps = {each["args"][1]: each["block"] for each in everything if each["directive"] == "map"}
    reader = Reader(upstreams, maps, version)
    return list(reader.walk(tree, Scope()))


def installed() -> Version:
    """Of the nginx of this machine; () when there is none. Defaults depend on it."""
    nginx = shutil.which("nginx")
    if nginx is None:
        return ()
    done = subprocess.run([nginx, "-v"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", done.stderr)
    return tuple(map(int, found.groups())) if found else ()


def _parse(file: Path) -> list[Directive]:
    try:
        import crossplane  # noqa: PLC0415  # only who asks about nginx needs it
    except ImportError:
        raise ConfigError(f"to read {file} the package crossplane is needed: pip install 'tonnage[cli]'") from None
    found = crossplane.parse(str(file), check_ctx=False, check_args=False)
    if found["errors"]:
        raise ConfigError(f"{file} cannot be read: {found['errors'][0]['error']}")
    files: list[File] = found["config"]
    return list(_whole(files[0]["parsed"], files[0]["file"], files))


def _whole(block: Sequence[Directive], file: str, files: Sequence[File]) -> Iterator[Directive]:
    """With what is included in its place. (crossplane's own `combine` gives what follows the wrong file.)"""
    for each in block:
        if "includes" in each:
            for index in each["includes"]:
                yield from _whole(files[index]["parsed"], files[index]["file"], files)
        else:
            each["file"] = file
            if "block" in each:
                each["block"] = list(_whole(each["block"], file, files))
            yield each


def _all(block: Sequence[Directive]) -> Iterator[Directive]:
    for each in block:
        yield each
        yield from _all(each.get("block", ()))


def _upstream(directive: Directive) -> Upstream:
    block = directive["block"]
    servers = tuple(
        address(each["args"][0]) for each in block if each["directive"] == "server" and "down" not in each["args"]
    )
    said = {each["directive"]: each["args"][0] for each in block if each["args"]}
    keepalive = int(said["keepalive"]) if "keepalive" in said else None
    return Upstream(servers, keepalive, seconds(said.get("keepalive_timeout", "60s")))


@dataclass(frozen=True, slots=True)
class Reader:
    upstreams: Mapping[str, Upstream]
    maps: Mapping[str, Sequence[Directive]]
    version: Version

    def walk(self, block: Sequence[Directive], scope: Scope) -> Iterator[Route]:
        scope = scope.within(block)
        for each in block:
            if each["directive"] == "proxy_pass":
                yield self._route(each, scope)
            elif each["directive"] in OPENS:
                yield from self.walk(each.get("block", ()), scope)

    def _route(self, directive: Directive, scope: Scope) -> Route:
        upstream = self._target(directive["args"][0])
        host = self._value(scope.fields.get("host", "$proxy_host"))
        body = octets(scope.values["client_max_body_size"])
        return Route(
            syntax="nginx",
            where=f"{directive['file']}:{directive['line']}",
            upstreams=upstream.servers,
            passes_host="$proxy_host" not in host and host != "",
            forwards_proto=bool(scope.fields.get("x-forwarded-proto")),
            forwards_for=bool(scope.fields.get("x-forwarded-for")),
            starts_clock=bool(scope.fields.get("x-request-start") or scope.fields.get("x-queue-start")),
            keeps=self._keeps(upstream, scope),
            idle_s=upstream.idle_s,
            read_timeout_s=seconds(scope.values["proxy_read_timeout"]),
            body_octets=body or inf,
            line_octets=octets(scope.values["large_client_header_buffers"]),
        )

    def _target(self, url: str) -> Upstream:
        """Of `http://name/path`, `http://unix:/path:/path`; a variable is known to nginx only."""
        rest = url.partition("://")[2]
        if "$" in rest:
            return Upstream((), 0, 60.0)
        name = rest.split(":/")[0] + ":/" + rest.split(":/")[1] if rest.startswith("unix:/") else rest.partition("/")[0]
        return self.upstreams.get(name) or Upstream((address(name),), 0, 60.0)  # without a block, none are kept

    def _keeps(self, upstream: Upstream, scope: Scope) -> bool:
        modern = self.version >= KEEPS_BY_ITSELF
        keepalive = upstream.keepalive if upstream.keepalive is not None else 32 * modern
        version = scope.values.get("proxy_http_version", "1.1" if modern else "1.0")
        connection = self._value(scope.fields.get("connection", "" if modern else "close"))
        return keepalive > 0 and version != "1.0" and connection.lower() != "close"

    def _value(self, text: str) -> str:
        """Of a variable made by `map` what it is for a plain request, whose fields that are mapped are empty."""
        choices = {each["directive"]: each["args"][0] for each in self.maps.get(text, ()) if each["args"]}
        return choices.get("", choices.get("default", "")) if choices else text


def address(text: str) -> Address:
    if text.startswith("unix:"):
        return UnixAddress(text.removeprefix("unix:"))
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text, "80"
    return TcpAddress(host.strip("[]").lower(), int(port) if port.isdecimal() else 80)


def seconds(text: str) -> float:
    """60, 60s, 500ms, 1h30m, 1h 30m. Raises ConfigError."""
    if not re.fullmatch(r"(\d+(ms|[smhdwMy]?) *)+", text):
        raise ConfigError(f"{text!r} is no time that nginx knows")
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwMy]?)", text))


def octets(text: str) -> int:
    found = re.fullmatch(r"(\d+)([kmg]?)", text.lower())
    if found is None:
        raise ConfigError(f"{text!r} is no size that nginx knows")
    return int(found[1]) * OCTETS[found[2]]
