"""`tonnage doctor [APP]`: what is asked of this machine, what it gives, and the line that mends what does not fit."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tonnage.capacity.application import Application, application, examine
from tonnage.capacity.checks import exposure, front, limits
from tonnage.capacity.facts import gather
from tonnage.capacity.finding import BINDING, Finding, Verdict
from tonnage.capacity.fronts import caddy, nginx
from tonnage.cli import target
from tonnage.cli.target import printable
from tonnage.cli.trial import load_in_child
from tonnage.config.command_line import Parser
from tonnage.config.model import Config
from tonnage.config.sources import Loaded
from tonnage.config.values import Address, TcpAddress, UnixAddress
from tonnage.control.overview import Overview
from tonnage.errors import ConfigError
from tonnage.system import memory, processes

WIDTH = 120
NAME = 26
ANY = "0.0.0.0"  # noqa: S104  # what an empty host is shown as


def run(argv: Sequence[str], load: Callable[[Sequence[str]], Loaded]) -> int:
    own, rest = parser().parse_known_args(list(argv))
    if (missing := next((file for file in own.front if not file.exists()), None)) is not None:
        raise ConfigError(f"--front {missing}: there is no such file")
    config = load(rest).config
    found = [*findings(config), *fronts(own.front, config)]
    if own.json:
        print(json.dumps([each.as_object() for each in found], indent=2))
    else:
        for each in found:
            print("\n".join(lines(each)))
        print(summary(found))
    return 1 if own.strict and any(each.verdict in BINDING for each in found) else 0


def parser() -> Parser:
    result = Parser(prog="tonnage doctor", add_help=False, allow_abbrev=False)
    result.add_argument("--json", action="store_true")
    result.add_argument("--strict", action="store_true")
    result.add_argument("--front", type=Path, action="append", default=[])
    return result


def findings(config: Config) -> Iterator[Finding]:
    uid = os.geteuid() if config.user is None else config.user
    directory = str(Path(config.chdir, config.tmp_upload_dir)) if config.tmp_upload_dir else None
    before = [seen for seen in target.all_running(os.environ) if is_followed(seen, config)]
    held = _held([os.getpid(), *(pid for seen in before for pid in processes.family(seen.pid))])
    facts = gather(backlog=config.backlog, temporary=directory, uid=uid, ours=held)
    app, problem = _application(config)
    if problem is not None:
        yield problem
    yield from map(_running, before)
    yield from (each for check in limits.CHECKS if (each := check(facts, config, app)) is not None)
    yield from (each for check in exposure.CHECKS if (each := check(config, uid, app)) is not None)


def is_followed(seen: Overview, config: Config) -> bool:
    """Whether this one listens on an address of ours: then what it takes is not others', for it makes room for us."""
    taken = {_taken(listener.url, seen.pid) for listener in seen.listeners}
    return not taken.isdisjoint(_ours(each, config) for each in config.bind)


def _taken(url: str, pid: int) -> str:
    """A path that is relative is so to where the server is; "" when nobody may know."""
    path = url.removeprefix("unix:")
    if path == url or path.startswith("@"):
        return url.partition("://")[2] or url
    if path.startswith("/"):
        return os.path.realpath(path)
    try:
        return os.path.realpath(Path(f"/proc/{pid}/cwd").readlink() / path)
    except OSError:
        return ""


def _ours(bind: Address, config: Config) -> str:
    if isinstance(bind, UnixAddress) and not bind.abstract:
        return os.path.realpath(Path(config.chdir, bind.path))
    return str(replace(bind, host=bind.host or ANY) if isinstance(bind, TcpAddress) else bind)


def _running(seen: Overview) -> Finding:
    because = "what it takes is not counted as used by others"
    return Finding("running now", Verdict.NOTE, f"pid {seen.pid} with {len(seen.workers)} workers", "", because)


def _held(pids: Iterable[int]) -> int:
    total = 0
    for pid in pids:
        with suppress(OSError):  # gone meanwhile
            total += memory.measure(pid).share
    return total


def _application(config: Config) -> tuple[Application | None, Finding | None]:
    """Loaded in a child: importing may exit, crash or hang."""
    if config.wsgi_app is None:
        return None, Finding("application", Verdict.NOTE, "none is named: what it takes is not counted")
    outcome = load_in_child(config, examine)
    if outcome.problem:
        if outcome.detail:
            print(outcome.detail, file=sys.stderr)
        return None, Finding("application", Verdict.RISK, outcome.problem, remedy=f"tonnage check {config.wsgi_app}")
    return application(outcome.seen), None


def fronts(files: Iterable[Path], config: Config) -> Iterator[Finding]:
    for file in files:
        try:
            routes = caddy.routes(file) if is_caddy(file) else nginx.routes(file, nginx.installed())
        except (ConfigError, OSError) as exc:
            yield Finding("front", Verdict.UNKNOWN, str(exc))
        else:
            yield from front.findings(routes, config)


def is_caddy(file: Path) -> bool:
    return "caddy" in file.name.lower() or file.suffix == ".json"


def lines(finding: Finding) -> Iterator[str]:
    """Plain, so that it reads well in a log, too."""
    head = f"{finding.verdict.value:<5} {finding.name:<{NAME}}"
    indent = " " * len(head)
    yield from textwrap.wrap(
        printable(str(finding)), WIDTH, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip
    if finding.remedy:
        yield f"{indent}-> {printable(finding.remedy)}"


def summary(found: Sequence[Finding]) -> str:
    caps, risks, open_ = (
        sum(each.verdict is kind for each in found) for kind in (Verdict.CAP, Verdict.RISK, Verdict.UNKNOWN)
    )
    counted = [f"{count} {name}{'s' * (count != 1)}" for count, name in ((caps, "cap"), (risks, "risk")) if count]
    said = " and ".join(counted) or "nothing binds"
    return f"{said}; {open_} could not be found out" if open_ else said
