"""Doors left open: who may reach the server, what it believes, and what a stranger would see."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from tonnage.capacity.application import Application
from tonnage.capacity.finding import Finding, Verdict
from tonnage.config.model import Config
from tonnage.config.values import TcpAddress

Check = Callable[[Config, int, Application | None], Finding | None]  # the workers' user as a number


def root(_config: Config, uid: int, _app: Application | None) -> Finding:
    if uid:
        return Finding("user", Verdict.OK, f"the workers run as uid {uid}")
    because = "a fault of the application is then a fault of the machine"
    return Finding(
        "user", Verdict.RISK, "the workers run as root", "", because, remedy="--user www-data, or User= in the unit"
    )


def debug(_config: Config, _uid: int, app: Application | None) -> Finding | None:
    if app is None or app.debug is None:
        return None
    if not app.debug:
        return Finding("debug", Verdict.OK, f"off in {app.framework}")
    because = "errors show source, settings and variables to whoever causes them"
    if app.framework == "Django":
        because += ", and every query is kept in memory"
    remedy = "DEBUG = False" if app.framework == "Django" else "debug=False"
    return Finding("debug", Verdict.RISK, f"on in {app.framework}", "", because, remedy=remedy)


def allowed_hosts(_config: Config, _uid: int, app: Application | None) -> Finding | None:
    if app is None or app.allowed_hosts is None:
        return None
    name, hosts, remedy = "ALLOWED_HOSTS", app.allowed_hosts, 'ALLOWED_HOSTS = ["example.com"]'
    if "*" in hosts:
        because = "any Host is believed, and gets into links and password mails"
        return Finding(name, Verdict.RISK, "*", "", because, remedy=remedy)
    if not hosts:
        because = "with DEBUG only localhost is answered" if app.debug else "every request is answered 400"
        return Finding(name, Verdict.RISK, "empty", "", because, remedy=remedy)
    return Finding(name, Verdict.OK, ", ".join(hosts))


def reach(config: Config, _uid: int, _app: Application | None) -> Finding:
    """A server that is meant to stand behind a proxy, and can be reached around it."""
    public = [str(each) for each in config.bind if is_public(each)]
    if not public:
        return Finding("reach", Verdict.OK, "from this machine only", "", ", ".join(map(str, config.bind)))
    effective = f"{', '.join(public)} can be reached from other machines"
    if config.is_ssl:
        return Finding("reach", Verdict.NOTE, effective, "", "with TLS of its own")
    because = "who goes around the proxy meets neither its TLS nor its rules; in a container of its own this is usual"
    remedy = (
        "--bind unix:/run/mysite/app.sock or 127.0.0.1:8000, unless a firewall or a network of containers guards it"
    )
    return Finding("reach", Verdict.NOTE, effective, "", because, remedy=remedy)


def trust(config: Config, _uid: int, _app: Application | None) -> Finding:
    name = "trusted proxies"
    if "*" not in config.forwarded_allow_ips:
        return Finding(name, Verdict.OK, ", ".join(config.forwarded_allow_ips) or "none")
    if not any(is_public(each) for each in config.bind):
        return Finding(name, Verdict.OK, "every peer", "", "which are those of this machine")
    because = "whoever reaches the port says whether it was https, and where the application is mounted"
    remedy = "--forwarded-allow-ips with the proxy's address"
    return Finding(name, Verdict.RISK, "every peer is believed", "", because, remedy=remedy)


def is_public(bind: object) -> bool:
    """From elsewhere than this machine."""
    if not isinstance(bind, TcpAddress):
        return False
    try:
        return not ip_address(bind.host or "0.0.0.0").is_loopback  # noqa: S104  # what an empty host means
    except ValueError:
        return bind.host != "localhost"


CHECKS: tuple[Check, ...] = (root, debug, allowed_hosts, reach, trust)
