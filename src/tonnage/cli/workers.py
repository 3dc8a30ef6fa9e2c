"""`tonnage workers add [N]`, `tonnage workers remove [N]`: more or fewer workers, until the next reload or restart."""

from __future__ import annotations

from collections.abc import Sequence

from tonnage.cli import target
from tonnage.control.requests import Scale
from tonnage.control.wire import MOST_AT_ONCE
from tonnage.errors import ControlError, UsageError

LOOKS = 20  # until what was asked for is taken in: the answer comes first
SIGNS = {"add": 1, "remove": -1}


def run(words: Sequence[str]) -> int:
    by, rest = _read(words)
    client, _ = target.connect(target.split(rest))
    with client:
        before = target.look(client)
        done = target.follow(client, Scale(by))
        if not done.ok:
            raise ControlError(f"nothing has changed: {target.printable(done.reason)}")
        for _ in range(LOOKS):
            if (seen := target.look(client)).want != before.want:
                break
    print(f"{before.want} -> {seen.want} workers wanted; {seen.ready} ready now")
    if seen.want - before.want != by:
        bound = "the log says what there is room for"
        if by < 0:
            bound = "there is one worker at least, or --min-workers of them"
        raise ControlError(f"not as many as were asked for: {bound}")
    return 0


def _read(words: Sequence[str]) -> tuple[int, Sequence[str]]:
    """How many more, and what else was said."""
    if not words or words[0] not in SIGNS:
        raise UsageError("tonnage workers add [N], or tonnage workers remove [N]")
    if len(words) == 1 or (words[1].startswith("-") and not words[1][1:].isdecimal()):
        return SIGNS[words[0]], words[1:]
    if not words[1].isdecimal() or not 1 <= (number := int(words[1])) <= MOST_AT_ONCE:
        raise UsageError(f"tonnage workers {words[0]} {words[1]}: a whole number is needed, from 1 to {MOST_AT_ONCE}")
    return SIGNS[words[0]] * number, words[2:]
