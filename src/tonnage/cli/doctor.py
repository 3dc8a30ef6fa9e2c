"""`tonnage doctor [APP]`: what is asked of this machine, what it gives, and the line that mends what does not fit."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tonnage.capacity.application import Application, application, examine
from tonnage.capacity.checks import exposure, front, limits
from tonnage.capacity.facts import gather
from tonnage.capacity.finding import BINDING, Finding, Verdict
from tonnage.capacity.fronts import caddy, nginx
from tonnage.cli.target import printable
from tonnage.cli.trial import load_in_child
from tonnage.config.command_line import Parser
from tonnage.config.model import Config
from tonnage.config.sources import Loaded
from tonnage.errors import ConfigError

WIDTH = 120
NAME = 26


def run(argv: Sequence[str], load: Callable[[Sequence[str]], Loaded]) -> int:
    own, rest = parser().parse_known_args(list(argv))
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
    facts = gather(backlog=config.backlog, temporary=directory, uid=uid)
    app, problem = _application(config)
    if problem is not None:
        yield problem
    yield from (each for check in limits.CHECKS if (each := check(facts, config, app)) is not None)
    yield from (each for check in exposure.CHECKS if (each := check(config, uid, app)) is not None)


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
    caps, risks = (sum(each.verdict is kind for each in found) for kind in (Verdict.CAP, Verdict.RISK))
    if not caps + risks:
        return "nothing binds"
    counted = [f"{count} {name}{'s' * (count != 1)}" for count, name in ((caps, "cap"), (risks, "risk")) if count]
    return " and ".join(counted)
