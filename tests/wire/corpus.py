"""The corpus of messages: one file each, what the octets are and what must become of them. See README.md here.

It knows nothing of our parser: the same expectations are checked on `Connection`, on live workers, and against h11 and
httptools.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

MESSAGES = Path(__file__).parent / "messages"

_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|\{(\d+)\*((?:[^\\}]|\\.)+)\}|(.))")
_PLAIN = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\", "}": "}"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a server must make of a request. Text is latin-1; `None` says that the file does not care."""

    method: str
    target: str
    content: bytes = b""
    path: str | None = None
    query: str | None = None
    minor: int = 1
    fields: tuple[str, ...] | None = None  # "name: value", lower-case names, in order
    trailers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    name: str  # folder/file, without suffix
    rule: str
    octets: bytes
    requests: tuple[Request, ...] = ()
    refused: int | None = None  # the status, after the requests were answered
    end: str = "open"  # or "closed" (after the last answer), "partial" (more is awaited), "continue" (a 100 is owed)
    eof: bool = False  # the client closes its side after the octets
    trusted: bool = False  # the peer is one of forwarded_allow_ips
    limits: dict[str, int] = field(default_factory=dict)
    policy: dict[str, object] = field(default_factory=dict)

    @property
    def is_default(self) -> bool:
        """Needs no settings, so that any server can be asked."""
        return not (self.limits or self.policy or self.trusted)


def unescape(text: str) -> bytes:
    r"""`\r \n \t \0 \\ \xhh` as in Python, `\{3*ab}` is ababab; everything else stands for itself."""

    def octet(match: re.Match[str]) -> str:
        code, times, unit, letter = match.groups()
        if code:
            return chr(int(code, 16))
        return int(times) * unescape(unit).decode("latin-1") if times else _PLAIN[letter]

    return _ESCAPE.sub(octet, text).encode("latin-1")


def parse(name: str, text: str) -> Message:
    """The part above the line `---` is TOML, the part below it is the octets; line ends there are layout."""
    above, _, below = text.partition("\n---\n")
    head = tomllib.loads(above)
    return Message(
        name=name,
        rule=head.pop("rule"),
        octets=b"".join(unescape(line) for line in below.split("\n")),
        requests=tuple(_request(**table) for table in head.pop("request", ())),
        **head,
    )


def _request(
    *, method: str, target: str, content: str = "", minor: int = 1, path: str | None = None, query: str | None = None,
    fields: list[str] | None = None, trailers: list[str] | None = None,
) -> Request:  # fmt: skip
    return Request(
        method=method,
        target=_text(target),
        content=unescape(content),
        path=path and _text(path),
        query=query,
        minor=minor,
        fields=None if fields is None else tuple(map(_text, fields)),
        trailers=tuple(map(_text, trailers or ())),
    )


def _text(escaped: str) -> str:
    return unescape(escaped).decode("latin-1")


def load() -> list[Message]:
    """All messages, in the order of their names."""
    return [
        parse(path.relative_to(MESSAGES).with_suffix("").as_posix(), path.read_text("utf-8"))
        for path in sorted(MESSAGES.rglob("*.http"))
    ]
