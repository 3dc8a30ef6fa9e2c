"""What supervisor, zygote and worker say to each other: one frozen dataclass per message, one JSON object on the wire.

JSON, because a message is rare (never per request), small, and readable in an strace.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import get_args

REASON, DETAIL = 1_000, 15_000  # characters that are sent; of six octets each in JSON they must fit into one message


@dataclass(frozen=True, slots=True)
class Ready:
    """worker -> supervisor: the application is loaded, requests can be served."""

    pid: int
    is_asgi: bool = False  # the application


@dataclass(frozen=True, slots=True)
class BootFailed:
    """worker -> supervisor: it will exit with `exit_code`; sent before it does."""

    pid: int
    exit_code: int  # 3 the import raised, 4 there is no application; as in errors.py
    reason: str  # one line
    detail: str  # the traceback, or ""


def boot_failed(pid: int, exit_code: int, reason: str, detail: str = "") -> BootFailed:
    """However long the application's words are."""
    return BootFailed(pid, exit_code, _cut(reason, REASON, " [...] "), _cut(detail, DETAIL, "\n[...]\n"))


def _cut(text: str, most: int, gap: str) -> str:
    """From the middle: a traceback has the way there at its beginning, and the error at its end."""
    half = (most - len(gap)) // 2
    return text if len(text) <= most else f"{text[:half]}{gap}{text[-half:]}"


@dataclass(frozen=True, slots=True)
class Recycle:
    """worker -> supervisor: replace me. A replacement is to be ready before I am told to drain."""

    reason: str  # one line, for the log
    urgent: bool = False  # it takes no more work already: it is to drain at once


@dataclass(frozen=True, slots=True)
class Leaving:
    """worker -> supervisor: its work is done; what is left are its atexit functions."""


@dataclass(frozen=True, slots=True)
class Drain:
    """supervisor -> worker: finish what is in flight, take no more, then exit 0."""

    grace_s: float  # afterwards it is killed
    delay_s: float = 0.0  # go on accepting for so long, and announce every close
    serve_queue: bool = False  # nobody else will take what waits in the accept queue
    doors: list[int] | None = None  # numbers of the listeners to go on with, others are left at once; None: all


@dataclass(frozen=True, slots=True)
class Quit:
    """supervisor -> worker: exit at once."""

    gently: bool = False  # who is ready by now, which its supervisor did not know, finishes what is in flight


@dataclass(frozen=True, slots=True)
class ReopenLogs:
    """supervisor -> worker: the log files were rotated."""


@dataclass(frozen=True, slots=True)
class Spawn:
    """supervisor -> zygote: fork a worker. Two descriptors come along: its channel, and where its stacks go."""

    age: int
    slot: int


@dataclass(frozen=True, slots=True)
class Forked:
    """worker of a zygote -> supervisor, the first word on its own channel: here I am."""

    pid: int


@dataclass(frozen=True, slots=True)
class NotForked:
    """zygote -> supervisor: there can be no other process."""

    age: int
    reason: str


@dataclass(frozen=True, slots=True)
class ZygoteReady:
    """zygote -> supervisor: the application is loaded, workers can be forked."""

    pid: int
    warnings: list[str]  # what of the application does not survive a fork, a line each


Message = Ready | BootFailed | Recycle | Leaving | Drain | Quit | ReopenLogs | Spawn | Forked | NotForked | ZygoteReady
_KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}


def encode(message: Message) -> bytes:
    words = json.dumps({"kind": type(message).__name__, **asdict(message)}, ensure_ascii=False)
    return words.encode("utf-8", "surrogatepass")


def decode(data: bytes) -> Message:
    """Raises ValueError on anything that `encode` did not write."""
    try:
        fields = json.loads(data)
        return _KINDS[fields.pop("kind")](**fields)
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"not a message: {data[:80]!r}") from exc
