"""What a proxy in front says against what the server does: one pure function a contradiction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from math import inf

from tonnage.capacity.checks.exposure import is_public
from tonnage.capacity.finding import Finding, Verdict, size
from tonnage.capacity.fronts.route import Route
from tonnage.config.model import Config
from tonnage.config.values import Address, FdAddress, TcpAddress, UnixAddress
from tonnage.http.forwarded import trust
from tonnage.http.limits import UNLIMITED_LINE

Check = Callable[[Route, Config], Finding | None]

DEFAULT = Config()
HERE = {"localhost": "127.0.0.1", "": "0.0.0.0", "::1": "127.0.0.1", "::": "0.0.0.0"}  # noqa: S104
MARGIN_S = 5.0  # for the server to answer first
CRLF = 2


def findings(routes: Sequence[Route], config: Config) -> list[Finding]:
    """Of the routes that lead to this server; of equal findings one, with all its places."""
    ours = [route for route in routes if leads_here(route, config.bind)]
    if not ours:
        return [_nowhere(routes, config)]
    here = Finding("upstream", Verdict.OK, ", ".join(map(str, config.bind)))
    found = [replace(here, source=route.where) for route in ours]
    for check in CHECKS:
        found += (replace(each, source=route.where) for route in ours if (each := check(route, config)) is not None)
    return list(_merged(found))


def leads_here(route: Route, binds: Iterable[Address]) -> bool:
    return any(_same(upstream, bind) for upstream in route.upstreams for bind in binds)


def _same(upstream: Address, bind: Address) -> bool:
    match upstream, bind:
        case TcpAddress(), TcpAddress():
            host = HERE.get(bind.host, bind.host)
            return upstream.port == bind.port and host in ("0.0.0.0", HERE.get(upstream.host, upstream.host))  # noqa: S104
        case UnixAddress(), UnixAddress():
            return upstream == bind
    return False


def _nowhere(routes: Sequence[Route], config: Config) -> Finding:
    asked = ", ".join(map(str, config.bind))
    if not routes:
        return Finding("upstream", Verdict.RISK, "no request is passed to any server", asked)
    names = ", ".join(dict.fromkeys(str(each) for route in routes for each in route.upstreams))
    source = ", ".join(dict.fromkeys(route.where for route in routes))
    if not all(route.upstreams for route in routes) or any(isinstance(each, FdAddress) for each in config.bind):
        return Finding("upstream", Verdict.UNKNOWN, names or "known at run time only", asked, "", source)
    return Finding("upstream", Verdict.RISK, names, asked, "", source, f"--bind {names.partition(',')[0]}")


def _merged(found: Iterable[Finding]) -> Iterator[Finding]:
    places: dict[Finding, list[str]] = {}
    for each in found:
        places.setdefault(replace(each, source=""), []).append(each.source)
    for each, where in places.items():
        yield replace(each, source=", ".join(dict.fromkeys(where)))


# -- time --------------------------------------------------------------------------------------------------------------


def read_timeout(route: Route, config: Config) -> Finding:
    """Who gives up first? It should be the server: it knows what the request was doing, and ends it."""
    name, asked = "timeout of the proxy", f"over {config.timeout:g} s (--timeout)" if config.timeout else "none"
    if route.read_timeout_s == inf:
        return Finding(name, Verdict.OK, "none", asked)
    effective = f"{route.read_timeout_s:g} s"
    if config.timeout and route.read_timeout_s > config.timeout:
        return Finding(name, Verdict.OK, effective, asked)
    wanted = config.timeout + MARGIN_S if config.timeout else 3600
    remedy = {"nginx": f"proxy_read_timeout {wanted:g}s;", "Caddy": f"response_header_timeout {wanted:g}s"}
    because = "then it answers 504, and the worker works on for nobody"
    return Finding(name, Verdict.RISK, effective, asked, because, remedy=remedy[route.syntax])


def reuse(route: Route, config: Config) -> Finding | None:
    name, asked, effective = "connections of the proxy", "kept ones", "one for each request"
    if not config.keepalive:
        return Finding(name, Verdict.CAP, effective, asked, "keepalive is 0", remedy="--keep-alive 75")
    if route.keeps:
        return None
    remedy = {
        "nginx": 'in the upstream block `keepalive 16;`, and `proxy_http_version 1.1; proxy_set_header Connection "";`',
        "Caddy": "keepalive 60s",
    }
    because = (
        "nginx before 1.29.7 needs to be told; later ones need an upstream block" if route.syntax == "nginx" else ""
    )
    return Finding(name, Verdict.CAP, effective, asked, because, remedy=remedy[route.syntax])


def idle(route: Route, config: Config) -> Finding | None:
    """The client should be who closes an idle connection; else a request meets the close, and is answered 502."""
    if not (route.keeps and config.keepalive):
        return None
    name, asked = "idle connections", f"under {config.keepalive:g} s (--keep-alive) at the proxy"
    effective = f"{route.idle_s:g} s"
    if route.idle_s < config.keepalive:
        return Finding(name, Verdict.OK, effective, asked)
    shorter = max(1, int(config.keepalive * 0.8))
    remedy = {"nginx": f"`keepalive_timeout {shorter}s;` in the upstream block", "Caddy": f"keepalive {shorter}s"}
    either = f"--keep-alive {route.idle_s * 1.25:g}, or {remedy[route.syntax]}"
    because = "the server closes first; a request that meets the close is answered 502"
    return Finding(name, Verdict.RISK, effective, asked, because, remedy=either)


# -- sizes -------------------------------------------------------------------------------------------------------------


def body(route: Route, config: Config) -> Finding:
    name, ours = "request bodies", config.limit_request_body or inf
    asked, theirs = _size(ours), _size(route.body_octets)
    remedy = {
        "nginx": f"client_max_body_size {_short(ours)};",
        "Caddy": f"request_body {{ max_size {_short(ours).upper()}iB }}",
    }
    if route.body_octets > ours:
        because = f"the proxy carries up to {theirs} to the server, to be refused there"
        verdict = Verdict.RISK if _is_set(config, "limit_request_body") else Verdict.NOTE
        return Finding(name, verdict, asked, asked, because, remedy=remedy[route.syntax])
    if route.body_octets < ours and _is_set(config, "limit_request_body"):
        return Finding(name, Verdict.CAP, theirs, asked, "by the proxy", remedy=remedy[route.syntax])
    return Finding(name, Verdict.OK, f"up to {theirs}", "", "by the proxy")


def lines(route: Route, config: Config) -> Finding | None:
    name = "lines of the head"
    ours = min(config.limit_request_line or UNLIMITED_LINE, config.limit_request_field_size or UNLIMITED_LINE)
    explicit = _is_set(config, "limit_request_line") or _is_set(config, "limit_request_field_size")
    if route.line_octets < ours and explicit:
        remedy = f"large_client_header_buffers 4 {_short(ours)};"  # Caddy takes a megabyte
        return Finding(name, Verdict.CAP, _size(route.line_octets), _size(ours), "by the proxy", remedy=remedy)
    if route.line_octets > ours + CRLF:
        because = f"the proxy takes {_size(route.line_octets)}; the server answers 414 or 431"
        return Finding(name, Verdict.NOTE, _size(ours), "", because)
    return None


def _is_set(config: Config, name: str) -> bool:
    return bool(getattr(config, name) != getattr(DEFAULT, name))


def _size(octets: float) -> str:
    return "any size" if octets == inf else size(octets)


def _short(octets: float) -> str:
    """As nginx writes it, in whole units, so that it is never too small."""
    if octets == inf:
        return "0"
    letter, power = next(
        (each for each in (("g", 30), ("m", 20), ("k", 10)) if octets % (1 << each[1]) == 0), ("k", 10)
    )
    return f"{-(-int(octets) >> power)}{letter}"


# -- fields ------------------------------------------------------------------------------------------------------------


def host(route: Route, _config: Config) -> Finding:
    if route.passes_host:
        return Finding("Host", Verdict.OK, "as the client sent it")
    remedy = {"nginx": "proxy_set_header Host $host;", "Caddy": "header_up Host {host}"}
    because = "links, redirects and ALLOWED_HOSTS go wrong"
    return Finding("Host", Verdict.RISK, "the upstream's", "the client's", because, remedy=remedy[route.syntax])


def scheme(route: Route, config: Config) -> Finding:
    name, trusted = "X-Forwarded-Proto", config.forwarded_allow_ips
    if not route.forwards_proto:
        remedy = {"nginx": "proxy_set_header X-Forwarded-Proto $scheme;", "Caddy": "no `header_up -X-Forwarded-Proto`"}
        because = "an https site looks like http to the application"
        return Finding(name, Verdict.RISK, "not sent", "", because, remedy=remedy[route.syntax])
    over_tcp = [each for each in route.upstreams if isinstance(each, TcpAddress)]
    is_trusted = trust(trusted)
    if not over_tcp or "*" in trusted:
        return Finding(name, Verdict.OK, "sent, and believed")
    if any(is_public(each) for each in over_tcp):
        effective = f"sent, and believed from {', '.join(trusted) or 'nobody'}"
        return Finding(name, Verdict.NOTE, effective, remedy="--forwarded-allow-ips with the proxy's address")
    if not (is_trusted("127.0.0.1") or is_trusted("::1")):
        because = "127.0.0.1 is not believed"
        return Finding(name, Verdict.RISK, "sent", "", because, remedy="--forwarded-allow-ips 127.0.0.1")
    return Finding(name, Verdict.OK, "sent, and believed")


def client(route: Route, _config: Config) -> Finding | None:
    if route.forwards_for:
        return None
    remedy = {
        "nginx": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "Caddy": "no `header_up -X-Forwarded-For`",
    }
    because = "the application cannot know who asks"
    return Finding("X-Forwarded-For", Verdict.NOTE, "not sent", "", because, remedy=remedy[route.syntax])


def clock(route: Route, config: Config) -> Finding:
    name = "X-Request-Start"
    if route.starts_clock:
        return Finding(name, Verdict.OK, "sent")
    remedy = {
        "nginx": 'proxy_set_header X-Request-Start "t=${msec}";',
        "Caddy": 'header_up X-Request-Start "t={time.now.unix_ms}"',
    }
    because = "what requests wait in the accept queue is not in any figure"
    if config.queue_timeout:
        because = f"--queue-timeout {config.queue_timeout:g} does not see what waits in the accept queue"
    verdict = Verdict.CAP if config.queue_timeout else Verdict.NOTE
    return Finding(name, verdict, "not sent", "", because, remedy=remedy[route.syntax])


CHECKS: tuple[Check, ...] = (read_timeout, reuse, idle, body, lines, host, scheme, client, clock)
