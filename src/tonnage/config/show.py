"""Values as people read them, and as JSON can carry them."""

from __future__ import annotations

from collections.abc import Mapping

from tonnage.config.values import Automatic, FdAddress, TcpAddress, UnixAddress


def plain(value: object) -> object:
    """JSON's types only; a function is its dotted name."""
    if isinstance(value, Automatic | TcpAddress | UnixAddress | FdAddress):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(each) for each in value]
    value = getattr(value, "__wrapped__", value)
    name = getattr(value, "__qualname__", None)
    return f"{getattr(value, '__module__', '?')}.{name}" if name else repr(value)


def shown(value: object) -> str:
    """One line; text is quoted, so that an empty one can be seen."""
    simple = plain(value)
    if isinstance(simple, bool):
        return str(simple).lower()
    if simple is None:
        return "none"
    if isinstance(simple, list):
        return ", ".join(str(each) for each in simple) or "none"
    if isinstance(simple, dict):
        return ", ".join(f"{name}: {each}" for name, each in simple.items()) or "none"
    return repr(simple) if isinstance(value, str) else str(simple)
