"""argv, environment and files, read once, into a Config. The only place that looks at them.

Weak to strong: default < environment < file < GUNICORN_CMD_ARGS < TONNAGE_CMD_ARGS < command line.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tonnage.config import command_line, files
from tonnage.config.model import SPECS, Config
from tonnage.config.resolve import Given, Resolved, Source, decide, near_miss, obstacles, resolve, unbuilt
from tonnage.errors import ConfigError, UsageError

ARGUMENTS = ("GUNICORN_CMD_ARGS", "TONNAGE_CMD_ARGS")


@dataclass(frozen=True)
class Loaded:
    """A server's settings and how they came about."""

    config: Config
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()  # one log line each
    notes: tuple[str, ...] = ()  # the same, at info
    obstacles: tuple[str, ...] = ()  # why it must not start
    file: Path | None = None
    argv: tuple[str, ...] = ()  # where they came from, to be read again
    environ: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path()


def load(argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> Loaded:
    """Raises UsageError for a command line that cannot be read, ConfigError for everything else."""
    flags, words = command_line.given(argv)
    layers = [_arguments(name, environ[name]) for name in ARGUMENTS if environ.get(name)]
    if words:
        flags["wsgi_app"] = Given(words[0], "command line")
    files.make_importable(str(cwd))
    variables = _variables(environ)
    file = files.read(_config_file([variables, *layers, flags]), cwd)
    sources = [variables, file.given, *layers, flags]
    files.make_importable(*_import_from(sources, cwd))
    resolved = _placed(resolve(sources), cwd)
    return Loaded(
        resolved.config,
        resolved.origins,
        (*file.warnings, *_surplus(words), *_odd_variables(environ), *_unbuilt(resolved)),
        resolved.notes,
        tuple(obstacles(resolved)),
        file.path,
        tuple(argv),
        dict(environ),
        cwd,
    )


def _arguments(variable: str, text: str) -> Source:
    try:
        found, _ = command_line.given(shlex.split(text))
    except (ValueError, UsageError) as exc:
        raise UsageError(f"${variable}: {exc}") from exc
    return {name: replace(given, origin=f"{given.origin} in ${variable}") for name, given in found.items()}


def _variables(environ: Mapping[str, str]) -> Source:
    found: dict[str, Given] = {}
    for spec in SPECS.values():
        for name in spec.variables:
            if environ.get(name) or (spec.empty and name in environ):
                template = spec.template if name == spec.variable else "{}"
                found[spec.name] = Given(template.format(environ[name]), f"${name}")
                break
    return found


def _config_file(sources: Sequence[Source]) -> str | None:
    named = [source["config"].value for source in sources if "config" in source]
    return str(named[-1]) if named and named[-1] else None


def _import_from(sources: Sequence[Source], cwd: Path) -> list[str]:
    """Hooks may be named by module, so where to look must be known before they are resolved."""
    chdir, pythonpath = (decide(sources, name).value for name in ("chdir", "pythonpath"))
    assert isinstance(chdir, str)
    assert isinstance(pythonpath, tuple)
    return [str((cwd / chdir).absolute()), *pythonpath]


def _placed(resolved: Resolved, cwd: Path) -> Resolved:
    """`chdir` made absolute, and what has to be a directory proven to be one."""
    directory = (cwd / resolved.config.chdir).absolute()
    for name, path in (("chdir", directory), ("tmp_upload_dir", directory / (resolved.config.tmp_upload_dir or ""))):
        if not path.is_dir():
            value = getattr(resolved.config, name)
            raise ConfigError(f"{name} = {value!r} (from {resolved.origins[name]}) is not a directory: {path}")
    return replace(resolved, config=replace(resolved.config, chdir=str(directory)))


def _surplus(words: Sequence[str]) -> list[str]:
    return [f"only {words[0]!r} is served; ignored: {' '.join(words[1:])}"] if len(words) > 1 else []


def _odd_variables(environ: Mapping[str, str]) -> list[str]:
    known = {name for spec in SPECS.values() for name in spec.variables}.union(ARGUMENTS)
    odd = [name for name in environ if name.startswith("TONNAGE_") and name not in known]
    pairs = [(name, near_miss(name.removeprefix("TONNAGE_").lower())) for name in odd]
    return [f"${name} is not a setting; did you mean $TONNAGE_{near.upper()}?" for name, near in pairs if near]


def _unbuilt(resolved: Resolved) -> list[str]:
    names = unbuilt(resolved)
    return [f"accepted but not built yet: {', '.join(names)}"] if names else []
