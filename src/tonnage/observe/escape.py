r"""Make any text safe to stand in a line of a log: what a client sends can neither end the line nor leave its quotes.

A quote and a backslash get a backslash; all that Python holds unprintable (controls, line separators, bidirectional
overrides, lone surrogates) becomes `\n`, `\x1b`, `\u2028`. The result is printable and can be encoded as UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring_ascii
from typing import Final

MISSING: Final = "-"
REMEMBERED: Final = 2_048  # texts; a site sees some hundred user agents, and a memo must not become a leak
LONGEST: Final = 256  # characters; what is longer is rarely sent twice

_NAMED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join([_escape_character(character) for character in text])


def escape_word(text: str) -> str:
    """For a value that stands in a line without quotes: a space would shift all that follows it."""
    return escape(text).replace(" ", "\\x20")


def escape_controls(text: str) -> str:
    """For text of many lines between which nothing is quoted: what is neither printable nor part of its layout."""
    if text.isprintable():
        return text
    return "".join([c if c in "\n\t" or c.isprintable() else _escape_character(c) for c in text])


def shown(value: object) -> str:
    if value is None:
        return MISSING
    return escape(value if type(value) is str else str(value))


def shown_word(value: object) -> str:
    return MISSING if value is None else escape_word(str(value))


def _escape_character(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def json_string(text: str) -> str:
    """A JSON string in ASCII. A lone surrogate, which many readers of JSON refuse, is spelled out as text."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return encode_basestring_ascii(text)


class Escaped(dict[object, str]):
    """`escaped[value]` is the safe text of a value. The same user agent comes a thousand times."""

    def __init__(self, escape: Callable[[str], str] = escape, missing: str = MISSING) -> None:
        super().__init__()
        self._escape = escape
        self._missing = missing

    def __missing__(self, value: object) -> str:
        if value is None:
            text = self._missing
        elif isinstance(value, str):
            text = self._escape(value)
        else:  # not remembered: True and 1 are one key
            return self._escape(str(value))
        if len(text) <= LONGEST:
            if len(self) >= REMEMBERED:
                self.clear()
            self[value] = text
        return text


# The user agent is long and the same for thousands of requests, an address for many; other texts may be secrets, and
# must not stay in memory.
AGENTS: Final = Escaped(escape)
ADDRESSES: Final = Escaped(escape_word)
