"""An access log format, compiled once into a function from Exchange to the text of a line.

The function is put together as a syntax tree, an f-string of calls: a loop over a list of getters costs twice as much,
and this runs once a request. The tree holds literal text and names chosen here; no part of a format becomes code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tonnage.errors import ConfigError
from tonnage.observe.atoms import ATOMS, NUMBERS, OURS, Getter, named
from tonnage.observe.escape import ADDRESSES, AGENTS, MISSING, shown, shown_word
from tonnage.observe.exchange import Exchange

Format = Callable[[Exchange], str]
Step = Callable[[object], object]

DIRECTIVE: Final = re.compile(
    r"%(?:\((?P<name>[^()]*)\))?(?P<flags>[#0 +-]*)(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?[hlL]?(?P<kind>.?)",
    re.DOTALL,
)
NAMED: Final = re.compile(r"\{(?P<name>[^{}]+)\}(?P<kind>[ioeIOE])")
TEXTUAL: Final = ("s", "r", "a")
NUMERIC: Final = (*TEXTUAL, *"diouxXeEfFgG")


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a line: what is read from the exchange, and the steps that make it text that is safe there."""

    get: Getter
    steps: tuple[Step, ...] = ()


Piece = str | Hole


STEPS: Final[dict[str, Step]] = {"a": AGENTS.__getitem__, "h": ADDRESSES.__getitem__, "u": shown_word}


def compile_format(text: str) -> Format:
    """Raises ConfigError when `text` has an atom that does not exist or a conversion that its atom cannot take."""
    return assemble([*_pieces(text), "\n"])


def assemble(pieces: list[Piece]) -> Format:
    """The f-string of all pieces. Steps are called inside out: `step(get(exchange))`."""
    names: dict[str, object] = {}

    def call(function: object, argument: ast.expr) -> ast.expr:
        names[name := f"f{len(names)}"] = function
        return ast.Call(ast.Name(name, ast.Load()), [argument], [])

    values: list[ast.expr] = []
    for piece in pieces:
        if isinstance(piece, str):
            values.append(ast.Constant(piece))
            continue
        value = call(piece.get, ast.Name("exchange", ast.Load()))
        for step in piece.steps:
            value = call(step, value)
        values.append(ast.FormattedValue(value, -1))
    arguments = ast.arguments(posonlyargs=[], args=[ast.arg("exchange")], kwonlyargs=[], kw_defaults=[], defaults=[])
    tree = ast.Expression(ast.Lambda(arguments, ast.JoinedStr(values)))
    line: Format = eval(compile(ast.fix_missing_locations(tree), "<access log format>", "eval"), names)  # noqa: S307 -- made above
    return line


def _pieces(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    end = 0
    for directive in DIRECTIVE.finditer(text):
        pieces.append(text[end : directive.start()])
        pieces.append("%" if directive[0] == "%%" else _directive(directive))
        end = directive.end()
    return [*pieces, text[end:]]


def _directive(directive: re.Match[str]) -> Piece:
    name, written, kind = directive["name"], directive[0], directive["kind"]
    if name is None:
        raise ConfigError(f"access_log_format: {written!r} names no atom; write %(h)s, or %% for a percent sign")
    get, steps = hole(name).get, list(hole(name).steps)
    if "*" in {directive["width"], directive["precision"]} or kind not in (NUMERIC if name in NUMBERS else TEXTUAL):
        raise ConfigError(f"access_log_format: {written!r} cannot be written; write %({name})s")
    precision = directive["precision"]
    if name not in OURS:  # what shortens or quotes comes before the escaping, which half an escape would undo
        if kind != "s":
            steps, kind = [_representation(kind), shown], "s"
        if precision is not None:
            steps.insert(0, _cut(int(precision or 0)))
            precision = None
    shape = directive["flags"] + directive["width"] + ("" if precision is None else f".{precision}") + kind
    if name == "l" and shape == "s":
        return MISSING
    if shape != "s":
        steps.append(f"%{shape}".__mod__)
    return Hole(get, tuple(steps))


def _cut(length: int) -> Step:
    return lambda value: None if value is None else str(value)[:length]


def _representation(kind: str) -> Step:
    show = repr if kind == "r" else ascii
    return lambda value: show(MISSING if value is None else value)


@lru_cache(maxsize=256)
def hole(name: str) -> Hole:
    """What `%(name)s` stands for. Raises ConfigError when there is no such atom."""
    if name in OURS:
        return Hole(ATOMS[name])
    if name in ATOMS:
        return Hole(ATOMS[name], (STEPS.get(name, shown),))
    if parts := NAMED.fullmatch(name):
        return Hole(named(parts["kind"].lower(), parts["name"]), (shown,))
    raise ConfigError(
        f"access_log_format: there is no atom '%({name})s'. Known are {' '.join(ATOMS)}, "
        "and {name}i (request field), {name}o (response field), {name}e (variable of the environ); a percent sign is %%"
    )
