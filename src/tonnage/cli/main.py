"""The `tonnage` command: picks the subcommand; an error raised on purpose becomes one line and its exit code.

A subcommand is imported when it is asked for: what `check` needs (ssl: 5 MB) shall not lie in every server's memory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from tonnage import __version__
from tonnage.config.sources import Loaded, load
from tonnage.errors import BootError, TonnageError

Command = Callable[..., int]  # (loaded), and for `settings` as_json; those on a running server take the words
COMMANDS = ("serve", "check", "settings")
STUDIES = ("doctor", "footprint", "plan")  # on a server that would be started here; with words of their own
OPERATIONS = ("status", "top", "workers", "reload", "reopen", "stop", "upgrade")  # on a running server


def main(argv: Sequence[str] | None = None) -> int:
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except TonnageError as exc:
        print(f"tonnage: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as a shell has it
    except BrokenPipeError:  # `tonnage --help | head`: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _run(words: list[str]) -> int:
    if {"-v", "--version"}.intersection(words):
        print(f"tonnage (version {__version__})")
        return 0
    if {"-h", "--help"}.intersection(words):
        print(import_module("tonnage.cli.usage").usage(), end="")
        return 0
    if words and words[0] in OPERATIONS:
        operate: Command = import_module(f"tonnage.cli.{words[0]}").run
        return operate(words[1:])
    if words and words[0] in STUDIES:
        study: Command = import_module(f"tonnage.cli.{words[0]}").run
        with import_module("tonnage.cli.orderly").end():
            return study(words[1:], _load)
    name = words.pop(0) if words and words[0] in COMMANDS else None
    as_json = name == "settings" and "--json" in words
    if as_json:
        words.remove("--json")
    loaded = _load(words)
    command: Command = import_module(f"tonnage.cli.{name or _asked(loaded)}").run
    code = command(loaded, as_json=True) if as_json else command(loaded)
    if code == BootError.exit_code and name is None and words:
        _hint(words[0])
    return code


def _hint(word: str) -> None:
    """What was taken for an application, and is none, may be a command with a slip of the pen."""
    meant = {each: each for each in (*COMMANDS, *STUDIES, *OPERATIONS)} | {"help": "--help", "version": "--version"}
    if near := get_close_matches(word, meant, n=1, cutoff=0.75):
        said = f"there is no command {word!r} either; did you mean `tonnage {meant[near[0]]}`?"
        print(f"tonnage: {said}", file=sys.stderr)


def _load(words: Sequence[str]) -> Loaded:
    return load(words, os.environ, working_directory(os.environ))


def working_directory(environ: Mapping[str, str]) -> Path:
    """As the shell names it: of a link like `current -> releases/7` the link, so that a reload follows it elsewhere."""
    named, real = environ.get("PWD", ""), Path.cwd()
    try:
        return Path(named) if named.startswith("/") and Path(named).samefile(real) else real
    except OSError:  # a $PWD of long ago
        return real


def _asked(loaded: Loaded) -> str:
    """Gunicorn's way to ask for the other commands."""
    if loaded.config.print_config:
        return "settings"
    return "check" if loaded.config.check_config else "serve"
