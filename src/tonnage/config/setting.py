"""One declaration per setting; flags, variables, file keys, checks, help and manual are read from it.

Nothing here knows a setting by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Generic, TypeVar, cast

Read_co = TypeVar("Read_co", covariant=True)
T = TypeVar("T")

Check = Callable[[T], str | None]  # the end of the sentence "workers = 0 ...", or None


@dataclass(frozen=True, slots=True)
class Kind(Generic[Read_co]):
    """How values of one kind are written. `parse` takes text, what a file holds, and its own result."""

    metavar: str
    parse: Callable[[object], Read_co]  # raises ValueError("must be ...")
    repeats: bool = False  # the flag may be given again, and adds


@dataclass(frozen=True, slots=True)
class Spec:
    name: str
    section: str
    default: object
    flags: tuple[str, ...]
    kind: Kind[object]
    meaning: str
    why: str  # the reason of the default, where one is needed
    check: Check[object]
    variable: str | None
    template: str  # how the variable's text becomes the value: PORT=80 means bind=0.0.0.0:80
    bare: str | None  # what the flag means without a value
    empty: bool  # an empty variable counts, as the empty list; else it is what a shell leaves of an unset one

    @property
    def is_switch(self) -> bool:
        return not self.kind.metavar

    @property
    def inverse(self) -> str | None:
        """The flag that turns a switch off again, whatever the file says."""
        long = [flag for flag in self.flags if flag.startswith("--") and not flag.startswith("--no-")]
        return f"--no-{long[0][2:]}" if self.is_switch and long else None

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables that set it, the strongest first."""
        own = f"TONNAGE_{self.name.upper()}"
        return (own, self.variable) if self.variable else (own,)


def setting(
    default: T,
    *flags: str,
    kind: Kind[T],
    meaning: str,
    why: str = "",
    check: Check[T] = lambda _: None,
    variable: str | None = None,
    template: str = "{}",
    bare: str | None = None,
    empty: bool = False,
) -> T:
    def spec(name: str, section: str) -> Spec:
        checks = cast("Check[object]", check)  # it is only given what `kind` returned
        return Spec(name, section, default, flags, kind, meaning, why, checks, variable, template, bare, empty)

    return field(default_factory=lambda: default, metadata={"spec": spec})


def declared(section: type) -> Iterator[Spec]:
    """The settings of one section, in the order they are written there."""
    title = (section.__doc__ or section.__name__).splitlines()[0].rstrip(".")
    for each in fields(section):
        yield cast("Spec", each.metadata["spec"](each.name, title))


def at_least(floor: float) -> Check[float]:
    return lambda value: None if value >= floor else f"must be at least {floor}"


def between(floor: float, ceiling: float) -> Check[float]:
    return lambda value: None if floor <= value <= ceiling else f"must be between {floor} and {ceiling}"
