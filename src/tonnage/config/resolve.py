"""Sources -> Config and the origin of every value. Pure: what the sources say was read elsewhere.

One rule, no exceptions per setting: the last source that names a setting decides; its value is parsed and checked once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TypeAlias

from tonnage.config import gunicorn
from tonnage.config.model import SPECS, Config
from tonnage.config.setting import Spec
from tonnage.config.show import shown
from tonnage.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Given:
    value: object
    origin: str  # "--workers", "$PORT", "gunicorn.conf.py:12"


Source: TypeAlias = Mapping[str, Given]
DEFAULT = "default"

OF_FLAGS = {  # where the two names differ
    plain: (flag, spec.name)
    for spec in SPECS.values()
    for flag in spec.flags
    if flag.startswith("--") and (plain := flag[2:].replace("-", "_")) not in SPECS
}
NEITHER = (None, "")


@dataclass(frozen=True)
class Resolved:
    config: Config
    origins: Mapping[str, str]
    notes: tuple[str, ...] = ()  # what was decided on the way; worth an info line


def resolve(sources: Sequence[Source]) -> Resolved:
    """Sources go from weak to strong. Raises ConfigError for the first value that is refused."""
    decided = {name: decide(sources, name) for name in SPECS}
    config = Config(**{name: each.value for name, each in decided.items()})  # type: ignore[arg-type]  # each by its Spec
    return settle(config, {name: each.origin for name, each in decided.items()})


def decide(sources: Sequence[Source], name: str) -> Given:
    """The value of one setting, as its type, and where it is from."""
    given = next((source[name] for source in reversed(sources) if name in source), None)
    return Given(SPECS[name].default, DEFAULT) if given is None else replace(given, value=accept(SPECS[name], given))


def accept(spec: Spec, given: Given) -> object:
    try:
        value = spec.kind.parse(given.value)
    except ValueError as exc:
        raise refusal(spec, given.value, given.origin, str(exc)) from exc
    if problem := spec.check(value):
        raise refusal(spec, value, given.origin, problem)
    return value


def refusal(spec: Spec, value: object, origin: str, problem: str) -> ConfigError:
    return ConfigError(f"{spec.name} = {shown(value)} (from {origin}) {problem}; the default is {shown(spec.default)}")


def settle(config: Config, origins: dict[str, str]) -> Resolved:
    """What settings mean together. Raises ConfigError where they contradict each other."""
    for low, high in (("min_workers", "max_workers"), ("min_workers", "workers"), ("workers", "max_workers")):
        least, most = getattr(config, low), getattr(config, high)
        if 0 < most < least:
            raise ConfigError(
                f"{low} = {least} (from {origins[low]}) is more than {high} = {most} (from {origins[high]})"
            )
    if config.worker_class == "sync" and config.threads > 1:
        note = f"{config.threads} threads (from {origins['threads']}): the worker class is gthread, not sync"
        origins["worker_class"] = f"threads = {config.threads}"
        return Resolved(replace(config, worker_class="gthread"), origins, (note,))
    return Resolved(config, origins)


def is_given(origin: str) -> bool:
    """Whether somebody asked for the value, and not for another setting that brings it along."""
    return origin != DEFAULT and not origin.startswith("threads = ")


def near_miss(name: str) -> str | None:
    """The setting somebody probably meant. Helper names in Python files are no misses, so it must be close.

    A flag's name is often taken for its setting's: `access_logfile`, `pid`, `preload`. Not so a constant's, `PID`.
    """
    plain = name.lower().replace("-", "_")
    for exact in (plain, OF_FLAGS.get(name.replace("-", "_"), NEITHER)[1], plain.removeprefix("worker_")):
        if exact in SPECS:
            return exact
    return next(iter(get_close_matches(plain, SPECS, n=1, cutoff=0.8)), None)


def flag_like(name: str) -> str | None:
    """The flag that is written so, if its setting has another name."""
    return OF_FLAGS.get(name.replace("-", "_"), NEITHER)[0]


def differs(resolved: Resolved, name: str) -> bool:
    """Whether somebody asked for something else than the default."""
    return resolved.origins[name] != DEFAULT and getattr(resolved.config, name) != SPECS[name].default


def verdict(name: str) -> gunicorn.Verdict:
    return gunicorn.VERDICTS.get(name) or gunicorn.NOT_YET.get(name) or gunicorn.SAME


def unbuilt(resolved: Resolved) -> list[str]:
    """Settings that were asked for, and that the server starts without."""
    return [
        name
        for name in SPECS
        if isinstance(each := verdict(name), gunicorn.NotYet) and not each.stops and differs(resolved, name)
    ]


def obstacles(resolved: Resolved) -> list[str]:
    """Why the server must not start: what was asked for is missing, and serving without it would be wrong."""
    config = resolved.config
    found = [
        f"{name} = {shown(getattr(config, name))} (from {resolved.origins[name]}) is not built yet: {each.stops}"
        for name in SPECS
        if isinstance(each := verdict(name), gunicorn.NotYet) and each.stops and differs(resolved, name)
    ]
    if config.worker_class not in gunicorn.BUILT_WORKER_CLASSES:
        *most, last = gunicorn.BUILT_WORKER_CLASSES
        built = f"{', '.join(most)} and {last}"
        origin = resolved.origins["worker_class"]
        found.insert(0, f"worker_class = {config.worker_class!r} (from {origin}) is not built yet; {built} are")
    return found
