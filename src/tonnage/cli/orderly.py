"""TERM and HUP as an orderly end: `timeout 60 tonnage plan`, or a terminal that is gone, leaves no server behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def end() -> Iterator[None]:
    """Within, they raise SystemExit with the code that a shell has for them; one that is ignored (nohup) stays so."""
    taken = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}
    try:
        for number, before in taken.items():
            if before is not signal.SIG_IGN:
                signal.signal(number, _leave)
        yield
    finally:
        for number, before in taken.items():
            signal.signal(number, before)


def forget() -> None:
    """In a child, for the code that it runs: as it would find them in a process of its own."""
    for number in SIGNALS:
        if signal.getsignal(number) is _leave:
            signal.signal(number, signal.SIG_DFL)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # once is enough: what follows takes a while
    raise SystemExit(128 + number)
