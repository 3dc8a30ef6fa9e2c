"""Everything the processes of one generation are made of, and how the supervisor holds one of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from tonnage.hooks import Server, Worker
from tonnage.supervisor.settings import Release
from tonnage.supervisor.state import NEVER, Rules
from tonnage.system.channel import Channel
from tonnage.system.listeners import Listener
from tonnage.system.memory import Sample

STACKS = 65536  # octets: what a pipe holds
FRAME = "/tonnage/supervisor/life.py"


@dataclass(frozen=True, slots=True)
class Cradle:
    release: Release
    server: Server
    listeners: list[Listener]
    log: logging.Logger
    belongings: list[Callable[[], None]]  # each called in the child: closes what belongs to the supervisor alone
    close_others: Callable[[], None]  # in the child: the listeners of other generations

    @property
    def rules(self) -> Rules:
        return self.release.settings.rules(self.release.scoreboard.slots, preload=self.has_zygote)

    @property
    def has_zygote(self) -> bool:
        return self.release.load is not None


@dataclass(slots=True)
class Member:
    """A worker or a zygote as the supervisor holds it."""

    age: int
    slot: int
    generation: int
    pid: int  # 0: its zygote has been asked to fork it, and it has not said its pid yet
    channel: Channel  # our end
    stacks: int  # our end of the pipe
    worker: Worker
    cradle: Cradle
    is_asgi: bool = False  # its application, known when it is ready
    listening: bool = True  # there may be more to hear from it
    reaped: bool = False  # from then on the pid may be anybody's
    last_words: str = ""  # what the scoreboard and the kernel know of its end
    sample: Sample | None = None
    sampled_at: float = -NEVER

    def read_stacks(self) -> str:
        """What it wrote when it was aborted, without the frames in which every process of ours lives."""
        try:
            text = os.read(self.stacks, STACKS).decode("utf-8", "backslashreplace")
        except OSError:  # nothing was written
            return ""
        threads = [thread.partition(FRAME)[0].rpartition("\n")[0] or thread for thread in text.split("\n\n")]
        return "\n".join(thread.rstrip() for thread in threads if thread)


def guard(log: logging.Logger, name: str, call: Callable[[], object]) -> None:
    """Run a hook; what it raises is its author's to mend, and no reason to stop serving."""
    try:
        call()
    except Exception:
        log.exception("The hook %s raised; the server goes on. Mend it where the settings are, or take it out.", name)
