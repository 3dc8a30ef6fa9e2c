"""`tonnage plan APP`: measures the application and the machine, and says what to run it with and what binds.

`--write FILE` makes a configuration of it, `--instances aws` looks for machines that carry `--target-rps`, `--footprint
FILE` takes what was measured before (here, or on another machine) instead of measuring.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import SUPPRESS, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tonnage.app.load import LoadedApp
from tonnage.capacity import databases, explain, instances, planner, writing
from tonnage.capacity import footprint as footprints
from tonnage.capacity.database import Budget, by_hand, from_object
from tonnage.capacity.facts import Facts, gather
from tonnage.capacity.footprint import Footprint
from tonnage.capacity.planner import Plan, Wishes
from tonnage.cli.footprint import paths, weigh
from tonnage.cli.trial import loaded_in_child
from tonnage.config import values
from tonnage.config.command_line import Parser
from tonnage.config.model import Config
from tonnage.config.resolve import DEFAULT
from tonnage.config.sources import Loaded
from tonnage.errors import ConfigError, UsageError


def run(argv: Sequence[str], load: Callable[[Sequence[str]], Loaded]) -> int:
    own, rest = parser().parse_known_args(list(argv))
    loaded = load(rest)
    config = loaded.config
    if config.wsgi_app is None:
        raise UsageError("plan needs the application: tonnage plan mysite.wsgi")
    if own.instances and own.target_rps is None:
        raise UsageError("--instances needs --target-rps: how many requests a second they shall carry")
    market = instances.read(own.instances) if own.instances else None
    if own.write is not None:
        writing.check(own.write, force=own.force)
    kind, found, notes = look(loaded)
    measured = weigh(loaded, own.paths) if own.footprint is None else read(own.footprint)
    measured = replace(measured, notes=(*measured.notes, *notes))
    made = planner.plan(machine(config), measured, budgets(found, own), wishes(loaded, kind, own))
    tell(made, market, as_json=own.json)
    if own.write is not None:
        writing.write(made, own.write, f"{datetime.now(UTC):%Y-%m-%d}", force=own.force)
        print(f"written: {own.write}", file=sys.stderr)
    return 0 if made.reaches_target else 1


# -- words -------------------------------------------------------------------------------------------------------------


def parser() -> Parser:
    result = Parser(prog="tonnage plan", add_help=False, allow_abbrev=False, argument_default=SUPPRESS)
    result.add_argument("--json", action="store_true", default=False)
    result.add_argument("--force", action="store_true", default=False)
    result.add_argument("--write", type=Path, default=None)
    result.add_argument("--footprint", type=Path, default=None)
    result.add_argument("--paths", type=paths, default=())
    result.add_argument("--target-rps", type=_positive, default=None)
    result.add_argument("--p95", type=_seconds, default=None)
    result.add_argument("--instances", default=None)
    result.add_argument("--db-connections", type=_count, default=None)
    result.add_argument("--db-reserved", type=_count, default=None)
    result.add_argument("--db-per-worker", type=_count, default=None)
    result.add_argument("--replicas", type=_count, default=1)
    return result


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} must be a number above 0")
    return number


def _seconds(text: str) -> float:
    try:
        return values.seconds(text)
    except ValueError as exc:
        raise ArgumentTypeError(f"{text!r} {exc}") from exc


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} must be a whole number of at least 1")
    return int(text)


# -- what is known -----------------------------------------------------------------------------------------------------


def look(loaded: Loaded) -> tuple[str, list[Budget], list[str]]:
    """The kind of application, its databases, and notes: loaded in a child, which asks them."""
    outcome = loaded_in_child(loaded, examine)
    seen, notes = outcome.seen["budgets"], outcome.seen["notes"]
    assert isinstance(seen, list)
    assert isinstance(notes, list)
    return outcome.kind, [from_object(each) for each in seen], notes


def examine(_: LoadedApp) -> dict[str, object]:
    notes = list[str]()
    return {"budgets": [budget.as_object() for budget in databases.budgets(notes.append)], "notes": notes}


def budgets(found: Sequence[Budget], own: Namespace) -> tuple[Budget, ...]:
    """What was found, corrected by what was said."""
    if not found:
        limit = own.db_connections
        return () if limit is None else (by_hand(limit, own.db_per_worker, own.db_reserved or 0),)
    said = {
        name: value
        for name, value in (
            ("limit", own.db_connections),
            ("reserved", own.db_reserved),
            ("each", own.db_per_worker),
        )
        if value is not None
    }
    if own.db_reserved is not None:
        said["taken"] = 0  # whoever says what is reserved says all of it
    return tuple(replace(budget, **said) for budget in found)


def read(file: Path) -> Footprint:
    try:
        return footprints.from_object(json.loads(file.read_text(encoding="utf-8")))
    except OSError as exc:
        raise ConfigError(f"--footprint {file}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"--footprint {file} is not a footprint: {exc}") from exc


def machine(config: Config) -> Facts:
    directory = str(Path(config.chdir, config.tmp_upload_dir)) if config.tmp_upload_dir else None
    uid = os.geteuid() if config.user is None else config.user
    return gather(backlog=config.backlog, temporary=directory, uid=uid)


def wishes(loaded: Loaded, kind: str, own: Namespace) -> Wishes:
    """Settings that somebody set stay; those nobody set are what is asked."""
    config, origins = loaded.config, loaded.origins
    return Wishes(
        kind=kind,
        worker_class=None if origins["worker_class"] == DEFAULT else config.worker_class,
        threads=None if origins["threads"] == DEFAULT else config.threads,
        preload=config.preload_app,
        surge=config.reload_surge,
        max_requests=config.max_requests,
        worker_connections=config.worker_connections,
        replicas=own.replicas,
        target_rps=own.target_rps,
        p95_s=own.p95,
    )


# -- what is told ------------------------------------------------------------------------------------------------------


def tell(made: Plan, market: instances.Market | None, *, as_json: bool) -> None:
    like = planner.machine_caps(made.facts)
    offers = instances.offers(market.types, made.footprint, made.budgets, made.wishes, like) if market else []
    if as_json:
        found = explain.as_object(made)
        if market is not None:
            found["instances"] = {"market": market.label, "offers": [instances.as_object(offer) for offer in offers]}
        print(json.dumps(found, indent=2))
        return
    print("\n".join(explain.lines(made)))
    if market is not None:
        print("\n".join(("", *instances.lines(market, offers, made.wishes))))
