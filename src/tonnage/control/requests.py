"""What an operator may ask of a running server, and what comes back: any number of notes, then one Done."""

from __future__ import annotations

from dataclasses import dataclass

from tonnage.control.overview import Overview


@dataclass(frozen=True, slots=True)
class Status:
    """What is it doing? Answered by an Overview."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Load code and settings again. Done when the new generation serves, or when the old one goes on."""

    bake: bool = False  # done only when it has proved itself, too


@dataclass(frozen=True, slots=True)
class Reopen:
    """The log files were rotated."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Done, or the connection lost, when the server is gone."""

    quick: bool = False  # what is in flight is not waited for


@dataclass(frozen=True, slots=True)
class Scale:
    """Done at once: the answer says that it was asked for, Status what came of it."""

    by: int


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Start a new supervisor beside this one. Done when it serves too, and then says its pid."""


Request = Status | Reload | Reopen | Stop | Scale | Upgrade


@dataclass(frozen=True, slots=True)
class Note:
    """What happens meanwhile, as the server's log has it."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last answer to a request."""

    ok: bool
    reason: str
    pid: int | None = None  # of the new supervisor, after an Upgrade


Answer = Note | Overview | Done
