"""What a worker inherits by fork: its place in the server."""

from __future__ import annotations

from dataclasses import dataclass

from tonnage.hooks import Worker
from tonnage.system.channel import Channel
from tonnage.system.listeners import Listener
from tonnage.system.scoreboard import Scoreboard


@dataclass(slots=True)
class Seat:
    slot: int  # of the scoreboard; another worker may have it when this one is gone
    generation: int  # which code it runs
    age: int  # counts up over all workers ever started: the one name that is never used twice
    supervisor_pid: int
    listeners: list[Listener]
    channel: Channel  # end of file on it: the supervisor is gone
    scoreboard: Scoreboard
    worker: Worker  # what every hook of this worker is handed, pre_fork to worker_exit
    stacks: int  # a pipe: at SIGABRT the stacks of all threads are written here, for the supervisor's log
