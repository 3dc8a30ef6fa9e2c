"""Flags, made from the declared settings. What argparse refuses is a UsageError (exit 2)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, NoReturn

from tonnage.config.model import SPECS
from tonnage.config.resolve import Given
from tonnage.config.setting import Kind, Spec
from tonnage.errors import UsageError


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see `tonnage --help`)")

    @property
    def flags(self) -> frozenset[str]:
        return frozenset(self._option_string_actions)


class Keep(argparse.Action):
    """Keeps the flag that was written with the value, since a refusal names it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002  # argparse's signature
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401  # argparse's signature
        option_string: str | None = None,
    ) -> None:
        before: Given | None = getattr(namespace, self.dest, None)
        value = self.const if values == [] else values
        if SPECS[self.dest].kind.repeats and before is not None:
            value = (*before.value, *value)  # type: ignore[misc]  # a kind that repeats parses to a tuple
        setattr(namespace, self.dest, Given(value, self._spelled(option_string or "")))

    def _spelled(self, written: str) -> str:
        """The long flag, whole, where a short one or an abbreviation was typed."""
        long = [flag for flag in self.option_strings if flag.startswith("--")]
        return next((flag for flag in long if flag.startswith(written)), long[0])


@cache
def parser() -> Parser:
    result = Parser(prog="tonnage", argument_default=argparse.SUPPRESS, add_help=False)
    result.add_argument("app", nargs="*")
    for spec in SPECS.values():
        if spec.is_switch:
            _add_switch(result, spec)
        elif spec.flags:
            _add(result, spec)
    return result


def _add_switch(result: Parser, spec: Spec) -> None:
    if spec.flags:
        result.add_argument(*spec.flags, dest=spec.name, action=Keep, nargs=0, const=True)
    if spec.inverse:
        result.add_argument(spec.inverse, dest=spec.name, action=Keep, nargs=0, const=False)


def _add(result: Parser, spec: Spec) -> None:
    result.add_argument(
        *spec.flags,
        dest=spec.name,
        action=Keep,
        type=_typed(spec.kind),
        nargs="?" if spec.bare else None,
        const=spec.bare,
    )


def _typed(kind: Kind[object]) -> Callable[[str], object]:
    def read(text: str) -> object:
        try:
            return kind.parse(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(f"{text!r} {exc}") from exc

    return read


def given(arguments: Sequence[str]) -> tuple[dict[str, Given], list[str]]:
    """What the flags say, and the positional arguments. Raises UsageError."""
    found, unknown = parser().parse_known_intermixed_args(list(arguments))
    if unknown:
        parser().error(f"there is no flag {unknown[0]}{_meant(unknown[0])}")
    flags = vars(found)
    words: list[str] = flags.pop("app", [])
    return flags, words


def _meant(flag: str) -> str:
    known = [each for spec in SPECS.values() for each in (*spec.flags, spec.inverse) if each]
    near = get_close_matches(flag.partition("=")[0], known, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""
