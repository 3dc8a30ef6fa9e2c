"""The `tonnage` command: picks the subcommand; an error raised on purpose becomes one line and its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tonnage import __version__
from tonnage.cli import check, serve, settings
from tonnage.cli.usage import usage
from tonnage.config.sources import Loaded, load
from tonnage.errors import TonnageError

Command = Callable[[Loaded], int]
COMMANDS: dict[str, Command] = {"serve": serve.run, "check": check.run, "settings": settings.run}


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except TonnageError as exc:
        print(f"tonnage: {exc}", file=sys.stderr)
        return exc.exit_code


def _run(words: list[str]) -> int:
    if {"-v", "--version"}.intersection(words):
        print(f"tonnage (version {__version__})")
        return 0
    if {"-h", "--help"}.intersection(words):
        print(usage(), end="")
        return 0
    named = COMMANDS.get(words[0]) if words else None
    loaded = load(words[1:] if named else words, os.environ, Path.cwd())
    return (named or _asked(loaded))(loaded)


def _asked(loaded: Loaded) -> Command:
    """Gunicorn's way to ask for the other commands."""
    if loaded.config.print_config:
        return settings.run
    return check.run if loaded.config.check_config else serve.run
