"""`tonnage reopen`: the log files were rotated; have a running server and its workers open them again."""

from __future__ import annotations

from collections.abc import Sequence

from tonnage.cli import target
from tonnage.control.requests import Reopen
from tonnage.errors import ControlError


def run(words: Sequence[str]) -> int:
    client, _ = target.connect(target.split(words))
    with client:
        done = target.follow(client, Reopen())
    if not done.ok:
        raise ControlError(f"not reopened: {target.printable(done.reason)}")
    print("the log files are opened again")
    return 0
