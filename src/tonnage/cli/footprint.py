"""`tonnage footprint APP`: what one worker costs, measured on a private server.

`--json` is what `tonnage plan --footprint FILE` reads. `--paths /,/search?q=x` says what to ask the application for,
where its own routes without parameters are not what visitors ask for.
"""

from __future__ import annotations

import json
import sys
from argparse import SUPPRESS, ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tonnage.capacity import samples
from tonnage.capacity.footprint import Footprint, Weight
from tonnage.capacity.weighing import NORMAL, Ask, Effort, measure
from tonnage.cli.target import printable
from tonnage.cli.trial import loaded_in_child
from tonnage.config.command_line import Parser
from tonnage.config.sources import Loaded
from tonnage.errors import ConfigError, UsageError

MIB = 1 << 20


def run(argv: Sequence[str], load: Callable[[Sequence[str]], Loaded]) -> int:
    own, rest = parser().parse_known_args(list(argv))
    loaded = load(rest)
    if loaded.config.wsgi_app is None:
        raise UsageError("footprint needs the application: tonnage footprint mysite.wsgi")
    effort = Effort(own.requests, own.seconds, own.processes)
    found = weigh(loaded, own.paths, effort)
    print(json.dumps(found.as_object(), indent=2) if own.json else "\n".join(map(printable, lines(found))))
    return 0


def weigh(loaded: Loaded, asked: Sequence[str] = (), effort: Effort = NORMAL) -> Footprint:
    """Says on stderr what it does. Raises ConfigError, BootError, MeasureError."""
    if loaded.obstacles:
        raise ConfigError("; ".join(loaded.obstacles))
    outcome = loaded_in_child(loaded, samples.examine_host if asked else samples.examine)
    offered, notes = outcome.seen["paths"], outcome.seen["notes"]
    assert isinstance(offered, list)
    assert isinstance(notes, list)
    for note in notes:
        print(f"tonnage: {note}", file=sys.stderr, flush=True)  # at once: it may be why there is nothing to measure
    ask = Ask(outcome.kind, tuple(asked or map(str, offered)), str(outcome.seen["host"]))
    found = measure(loaded, ask, effort, lambda text: print(f"measuring: {text}", file=sys.stderr, flush=True))
    return replace(found, notes=(*notes, *found.notes))


def parser() -> Parser:
    result = Parser(prog="tonnage footprint", add_help=False, allow_abbrev=False, argument_default=SUPPRESS)
    result.add_argument("--json", action="store_true", default=False)
    result.add_argument("--paths", type=paths, default=())
    result.add_argument("--requests", type=_at_least(1), default=NORMAL.requests)
    result.add_argument("--seconds", type=_at_least(1), default=NORMAL.seconds)
    result.add_argument("--processes", type=_at_least(2), default=NORMAL.workers)
    return result


def paths(text: str) -> tuple[str, ...]:
    """For argparse."""
    found = tuple(path.strip() for path in text.split(","))
    if not all(path.startswith("/") and path.isascii() and " " not in path for path in found):
        raise ArgumentTypeError(f"{text!r} must be paths from the root, with commas between them: /,/search?q=x")
    return found


def _at_least(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ArgumentTypeError(f"{text!r} must be a whole number of at least {least}")
        return int(text)

    return read


# -- what is told ------------------------------------------------------------------------------------------------------


def lines(found: Footprint) -> Iterator[str]:
    yield f"{found.app}, worker class {found.worker_class}, threads {found.threads}"
    yield f"asked for, by GET: {', '.join(found.paths)}"
    yield ""
    yield "memory (PSS, which adds up)    first worker   each further   supervisor and zygote   ready after"
    yield _row("each loads the application", found.plain)
    if found.preloaded is not None:
        yield _row("preloaded (--preload)", found.preloaded)
    yield ""
    service_s, waiting = found.service_s_per_request, found.waiting_share
    yield f"growth          {found.growth_octets_per_1k / MIB:.3f} MiB per 1,000 requests ({found.requests} measured)"
    yield f"CPU             {found.cpu_s_per_request * 1e3:.3f} ms a request"
    within = f"; 95 % within {found.service_p95_s * 1e3:.3f} ms" if found.service_p95_s is not None else ""
    yield f"service time    {service_s * 1e3:.3f} ms a request, {waiting:.0%} of it waiting{within}"
    yield f"threads, files  {found.os_threads} threads, {found.files} open files in a worker"
    links = ", ".join(f"{link.connections} to {link.address}" for link in found.links)
    yield f"connections     {links or 'none were seen'}"
    for note in found.notes:
        yield f"note            {note}"


def _row(name: str, weight: Weight) -> str:
    return (
        f"  {name:<28} {weight.first_octets / MIB:>8.1f} MiB {weight.further_octets / MIB:>10.1f} MiB "
        f"{weight.base_octets / MIB:>19.1f} MiB {weight.boot_s:>11.2f} s"
    )
