"""What `tonnage status` is told: the policy's state and the scoreboard, put together. Asks no worker anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from tonnage import __version__
from tonnage.control.overview import InFlight, ListenerView, Overview, WorkerView
from tonnage.supervisor.state import Record, State
from tonnage.system.listeners import Listener
from tonnage.system.queues import accept_queue
from tonnage.system.scoreboard import Reading


def overview(
    state: State,
    pid_of: Callable[[int], int],  # of a worker's age
    read: Callable[[Record], Reading],  # its slot of the scoreboard
    listeners: Iterable[Listener],
    started_at: float,
    now: float,  # CLOCK_MONOTONIC, as in the scoreboard
) -> Overview:
    workers = sorted(state.workers.values(), key=lambda worker: worker.age)
    return Overview(
        version=__version__,
        pid=os.getpid(),
        mode=state.mode.name.lower(),
        generation=state.generation,
        want=state.want,
        uptime_s=now - started_at,
        listeners=tuple(map(_listener, listeners)),
        workers=tuple(_worker(each, pid_of(each.age), read(each), now) for each in workers),
    )


def _worker(worker: Record, pid: int, reading: Reading, now: float) -> WorkerView:
    busy = sorted(reading.busy, key=lambda each: each.since_ns)
    return WorkerView(
        pid=pid,
        slot=worker.slot,
        age=worker.age,
        generation=worker.generation,
        state=worker.phase.name.lower(),
        lived_s=now - worker.born_at,
        requests=reading.requests,
        connections=reading.connections,
        in_flight=tuple(
            InFlight(each.line.decode("ascii", "backslashreplace"), max(0.0, now - each.since_ns / 1e9))
            for each in busy
        ),
    )


def _listener(listener: Listener) -> ListenerView:
    try:
        queue = accept_queue(listener.sock)
    except OSError:  # the kernel does not say, or a stopping server has closed it
        return ListenerView(listener.url, None, None)
    return ListenerView(listener.url, queue.waiting, queue.limit)
