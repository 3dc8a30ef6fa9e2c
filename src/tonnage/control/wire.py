"""Requests and answers as lines: one JSON object each, so that `socat` and ten lines of any language can be a client.

    -> {"request": "reload"}
    <- {"note": "Booting worker with pid: 4711"}
    <- {"done": true, "reason": "generation 2 serves"}

The server trusts nothing that it reads: names, types and lengths are checked here, so that none of it can break it.
"""

from __future__ import annotations

import json

from tonnage.control.overview import Overview, from_object
from tonnage.control.requests import Answer, Done, Note, Reload, Reopen, Request, Scale, Status, Stop, Upgrade

LONGEST_REQUEST = 4096  # octets; the longest that there is has 40
LONGEST_ANSWER = 16 << 20  # an overview of 10,000 workers with a request each
MOST_AT_ONCE = 1000  # workers added or taken in one request

PLAIN: dict[str, Request] = {"status": Status(), "reopen": Reopen(), "upgrade": Upgrade()}
NAMES = {type(request): name for name, request in PLAIN.items()} | {Reload: "reload", Stop: "stop", Scale: "scale"}


class Lines:
    """Octets in, whole lines out."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Raises ValueError when a line is longer than it may be."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, (*lines, self._rest))) > self._longest:
            raise ValueError(f"a line is longer than {self._longest} octets")
        return lines


def encode_request(request: Request) -> bytes:
    found: dict[str, object] = {"request": NAMES[type(request)]}
    match request:
        case Reload(bake=True):
            found["bake"] = True
        case Stop(quick):
            found["quick"] = quick
        case Scale(by):
            found["by"] = by
    return json.dumps(found).encode() + b"\n"


def decode_request(line: bytes) -> Request:
    """Raises ValueError, in words for who sent it."""
    found = _object(line)
    match found.get("request"):
        case "reload":
            return Reload(_switch(found, "bake"))
        case "stop":
            return Stop(_switch(found, "quick"))
        case "scale":
            by = found.get("by")
            if type(by) is not int or not -MOST_AT_ONCE <= by <= MOST_AT_ONCE or by == 0:
                raise ValueError(f"`by` must be a whole number, up to {MOST_AT_ONCE} more or less, and not 0")
            return Scale(by)
        case str(name) if name in PLAIN:
            return PLAIN[name]
        case name:
            raise ValueError(f"there is no request {name!r}; there are {', '.join(NAMES.values())}")


def _switch(found: dict[str, object], name: str) -> bool:
    value = found.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be true or false")  # noqa: TRY004  # see _object
    return value


def encode_answer(answer: Answer) -> bytes:
    match answer:
        case Note(text):
            found: dict[str, object] = {"note": text}
        case Overview():
            found = {"status": answer.as_object()}
        case Done(ok, reason, pid):
            found = {"done": ok, "reason": reason} | ({} if pid is None else {"pid": pid})
    return json.dumps(found).encode() + b"\n"


def decode_answer(line: bytes) -> Answer:
    """Raises ValueError on anything that `encode_answer` did not write."""
    found = _object(line)
    match found:
        case {"note": str(text)}:
            return Note(text)
        case {"status": status}:
            return from_object(status)
        case {"done": bool(ok), "reason": str(reason)}:
            pid = found.get("pid")
            return Done(ok, reason, pid if isinstance(pid, int) else None)
    raise ValueError(f"not an answer: {line[:80]!r}")


def _object(line: bytes) -> dict[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"not JSON: {exc}") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # every refusal of what was sent is a ValueError here
    return found
