"""The `tonnage` command: picks the subcommand; an error raised on purpose becomes one line and its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tonnage import __version__
from tonnage.cli import check, serve, settings
from tonnage.cli.usage import usage
from tonnage.config.sources import Loaded, load
from tonnage.errors import TonnageError

Command = Callable[[Loaded], int]
COMMANDS: dict[str, Command] = {"serve": serve.run, "check": check.run, "settings": settings.run}


def main(argv: Sequence[str] | None = None) -> int:
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except TonnageError as exc:
        print(f"tonnage: {exc}", file=sys.stderr)
        return exc.exit_code
    except BrokenPipeError:  # `tonnage --help | head`: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _run(words: list[str]) -> int:
    if {"-v", "--version"}.intersection(words):
        print(f"tonnage (version {__version__})")
        return 0
    if {"-h", "--help"}.intersection(words):
        print(usage(), end="")
        return 0
    command = COMMANDS.get(words[0]) if words else None
    flags = words[1:] if command else words
    if command is settings.run and "--json" in flags:
        flags.remove("--json")
        command = partial(settings.run, as_json=True)
    loaded = load(flags, os.environ, Path.cwd())
    return (command or _asked(loaded))(loaded)


def _asked(loaded: Loaded) -> Command:
    """Gunicorn's way to ask for the other commands."""
    if loaded.config.print_config:
        return settings.run
    return check.run if loaded.config.check_config else serve.run
