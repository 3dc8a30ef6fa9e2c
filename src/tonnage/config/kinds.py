"""The kinds of value settings have: a name for the help, and the function that reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from tonnage import hooks
from tonnage.config import values
from tonnage.config.setting import Kind
from tonnage.config.values import Address

T = TypeVar("T")
Name = TypeVar("Name", bound=str)


def optional(kind: Kind[T]) -> Kind[T | None]:
    """None, or empty text, means that it is not set."""
    return Kind(kind.metavar, lambda raw: None if raw is None or raw == "" else kind.parse(raw), kind.repeats)


def several(metavar: str, parse: Callable[[object], T], *, repeats: bool = False) -> Kind[tuple[T, ...]]:
    """A list in a file, text with commas anywhere."""

    def read(raw: object) -> tuple[T, ...]:
        return tuple(parse(item) for item in _items(raw))

    return Kind(metavar, read, repeats)


def _items(raw: object) -> Iterable[object]:
    if raw is None:
        return ()
    if isinstance(raw, str):
        return [item.strip() for item in raw.split(",") if item.strip()]
    if isinstance(raw, Iterable) and not isinstance(raw, Mapping):
        return [item for each in raw for item in (_items(each) if isinstance(each, str) else (each,))]
    return (raw,)


def whole_items(raw: object) -> tuple[str, ...]:
    """Texts that may hold commas themselves: each one is one item."""
    if raw is None or raw == "":
        return ()
    if isinstance(raw, str):
        return (raw.strip(),)
    if isinstance(raw, Iterable) and not isinstance(raw, Mapping):
        return tuple(values.string(item) for item in raw)
    raise ValueError("must be a list of texts")


def choice(*names: Name, aliases: Mapping[object, Name] | None = None) -> Kind[Name]:
    def read(raw: object) -> Name:
        key = raw.strip().lower() if isinstance(raw, str) else raw
        for alias, name in (aliases or {}).items():
            if key == alias:
                return name
        if key in names:
            return key
        raise ValueError(f"must be {' or '.join(names)}")

    return Kind("|".join(names), read)


def mapping(raw: object) -> Mapping[str, object]:
    """A dict, a TOML table, or one JSON object as text."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw or "{}")
        except ValueError as exc:
            raise ValueError(f"must be a JSON object: {exc}") from None
    if not isinstance(raw, Mapping):
        raise ValueError("must be a dictionary")  # noqa: TRY004  # every refusal of a value is a ValueError here
    return dict(raw)


def hook(name: str) -> Kind[hooks.Hook | None]:
    return Kind("FUNCTION", lambda raw: hooks.adapt(name, raw))


COUNT = Kind("N", values.whole)
COUNT_OR_AUTO = Kind("N|auto", values.whole_or_auto)
OCTETS = Kind("BYTES", values.octets)
SECONDS = Kind("SECONDS", values.seconds)
MODE = Kind("MODE", values.mode)
SWITCH = Kind("", values.truth)
TEXT = Kind("TEXT", values.string)
PATH = optional(Kind("PATH", values.string))
MAYBE = optional(TEXT)
TEXTS = several("TEXT,...", values.string)
LINES = Kind("TEXT", whole_items, repeats=True)
NETWORKS = several("IP,...", values.network)
ADDRESSES: Kind[tuple[Address, ...]] = several("ADDRESS", values.address, repeats=True)
MAPPING = Kind("JSON", mapping)
