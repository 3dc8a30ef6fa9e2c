"""An access line as one JSON object: ASCII only, numbers as numbers, what is missing as null."""

from __future__ import annotations

import os
from typing import Final

from tonnage.observe.atoms import ATOMS
from tonnage.observe.dates import Timestamps
from tonnage.observe.escape import Escaped, json_string
from tonnage.observe.exchange import Exchange
from tonnage.observe.pattern import Format, Hole, Piece, Step, assemble

NULL: Final = "null"
_timestamp = Timestamps()


def _time(exchange: Exchange) -> str:
    return _timestamp(exchange.started + exchange.duration_s)


def _pid(_: Exchange) -> int:
    return os.getpid()


def _status(exchange: Exchange) -> str:
    digits = exchange.status[:3]
    return digits if digits.isdecimal() else NULL


def json_value(value: object) -> str:
    return NULL if value is None else json_string(str(value))


_number: tuple[Step, ...] = ()
_text: tuple[Step, ...] = (json_value,)
_word: tuple[Step, ...] = (Escaped(json_string, NULL).__getitem__,)  # few and public, so they may be remembered
_agent: tuple[Step, ...] = (Escaped(json_string, NULL).__getitem__,)

MEMBERS: Final[dict[str, Hole]] = {
    "time": Hole(_time, _text),  # when the response was finished
    "pid": Hole(_pid, _number),
    "client": Hole(ATOMS["h"], _word),
    "user": Hole(ATOMS["u"], _text),
    "request": Hole(ATOMS["r"], _text),  # the request line as received
    "method": Hole(ATOMS["m"], _word),
    "path": Hole(ATOMS["U"], _text),  # decoded
    "query": Hole(ATOMS["q"], _text),
    "protocol": Hole(ATOMS["H"], _word),
    "status": Hole(_status, _number),
    "sent": Hole(ATOMS["B"], _number),  # octets of content
    "duration_us": Hole(ATOMS["D"], _number),
    "referer": Hole(ATOMS["f"], _text),
    "agent": Hole(ATOMS["a"], _agent),
}


def json_format() -> Format:
    pieces: list[Piece] = []
    for name, hole in MEMBERS.items():
        pieces += [f'{", " if pieces else "{"}"{name}": ', hole]
    return assemble([*pieces, "}\n"])
