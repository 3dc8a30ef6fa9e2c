"""Flags, made from the declared settings. What argparse refuses is a UsageError (exit 2)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tonnage.config.model import SECTIONS, SPECS
from tonnage.config.resolve import Given
from tonnage.config.setting import Kind, Spec
from tonnage.config.show import shown
from tonnage.errors import UsageError

Store = Callable[[argparse.Namespace, str, object, str], None]


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


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
        value = self.const if values is None or values == [] else values
        if SPECS[self.dest].kind.repeats and before is not None:
            value = (*before.value, *value)  # type: ignore[misc]  # a kind that repeats parses to a tuple
        setattr(namespace, self.dest, Given(value, self._spelled(option_string or "")))

    def _spelled(self, written: str) -> str:
        """The long flag, whole, where a short one or an abbreviation was typed."""
        long = [flag for flag in self.option_strings if flag.startswith("--")]
        return next((flag for flag in long if flag.startswith(written)), long[0])


def parser(program: str) -> Parser:
    result = Parser(prog=program, argument_default=argparse.SUPPRESS, add_help=False)
    result.add_argument("app", nargs="*", metavar="APP")
    for section in SECTIONS:
        specs = [spec for spec in SPECS.values() if spec.name in section.__annotations__ and spec.flags]
        if specs:
            group = result.add_argument_group((section.__doc__ or "").rstrip(".").lower())
            for spec in specs:
                _add(group, spec)
    return result


def _add(group: argparse._ArgumentGroup, spec: Spec) -> None:
    text = f"{spec.meaning} [{shown(spec.default)}]".replace("%", "%%")
    if spec.is_switch:
        group.add_argument(*spec.flags, dest=spec.name, action=Keep, nargs=0, const=True, help=text)
        if spec.inverse:
            group.add_argument(spec.inverse, dest=spec.name, action=Keep, nargs=0, const=False, help=argparse.SUPPRESS)
        return
    group.add_argument(
        *spec.flags,
        dest=spec.name,
        action=Keep,
        type=_typed(spec.kind),
        nargs="?" if spec.bare else None,
        const=spec.bare,
        metavar=spec.kind.metavar,
        help=text,
    )


def _typed(kind: Kind[object]) -> Callable[[str], object]:
    def read(text: str) -> object:
        try:
            return kind.parse(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(f"{text!r} {exc}") from exc

    return read


def given(arguments: Sequence[str], program: str = "tonnage") -> tuple[dict[str, Given], list[str]]:
    """What the flags say, and the positional arguments."""
    found = vars(parser(program).parse_intermixed_args(list(arguments)))
    words: list[str] = found.pop("app", [])
    return found, words
