"""What operators are told: the policy's state, and what the observer has seen, put together. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tonnage import __version__
from tonnage.control.overview import Advice, InFlight, ListenerView, Overview, Quantiles, Restarts, WorkerView
from tonnage.supervisor.ledger import FIRST, NOTHING, QUEUE, SERVICE, Counts, quantiles, totals
from tonnage.supervisor.rates import GIL_LOOKS, GIL_WAIT, NONE, Rates
from tonnage.supervisor.state import Record, State
from tonnage.system.queues import Queue
from tonnage.system.scoreboard import SUSPENDED, Reading


@dataclass(frozen=True, slots=True)
class Seen:
    """By the observer, at one moment; of workers by their age."""

    readings: Mapping[int, Reading]
    pids: Mapping[int, int]
    queues: Mapping[str, Queue | None]  # by the listener's URL
    sizes: Mapping[int, int] = field(default_factory=dict)  # octets
    threads: int = 1
    rates: Mapping[int, Rates] = field(default_factory=dict)
    whole: Rates = NONE
    counts: Counts = NOTHING
    peaks: Mapping[str, int] = field(default_factory=dict)
    restarts: Sequence[Restarts] = ()
    capped: Sequence[Advice] = ()
    cpus: float = 1.0
    started_s: float = 0.0


def overview(state: State, seen: Seen, started_at: float, now: float, unix_s: float) -> Overview:
    """`now` and `started_at` of CLOCK_MONOTONIC, as in the scoreboard."""
    records = sorted(state.workers.values(), key=lambda worker: worker.age)
    workers = tuple(_worker(each, seen, now) for each in records)
    serving = [worker for worker in workers if worker.state == "ready"]
    busy = sum(worker.busy for worker in serving) / len(serving) if serving else 0.0
    cpu = sum(worker.cpu for worker in workers)
    counted = seen.whole.counted
    return Overview(
        version=__version__,
        pid=os.getpid(),
        mode=state.mode.name.lower(),
        generation=state.generation,
        want=state.want,
        uptime_s=now - started_at,
        listeners=tuple(_listener(url, queue, seen.peaks.get(url)) for url, queue in seen.queues.items()),
        workers=workers,
        unix_s=unix_s,
        started_s=seen.started_s,
        threads=seen.threads,
        rps=seen.whole.rps,
        busy=busy,
        cpu=cpu,
        cpus=seen.cpus,
        headroom=max(0.0, 1.0 - max(busy, cpu / seen.cpus)) if serving else 0.0,
        service=quantiles(counted[SERVICE]),
        queue=quantiles(counted[QUEUE]),
        first_byte=quantiles(counted[FIRST]),
        totals=totals(seen.counts),
        restarts=tuple(seen.restarts),
        capped=tuple(seen.capped),
    )


def _worker(worker: Record, seen: Seen, now: float) -> WorkerView:
    reading, rates = seen.readings[worker.age], seen.rates.get(worker.age, NONE)
    looks = rates.counted[GIL_LOOKS]
    return WorkerView(
        pid=seen.pids[worker.age],
        slot=worker.slot,
        age=worker.age,
        generation=worker.generation,
        state=worker.phase.name.lower(),
        lived_s=now - worker.born_at,
        requests=reading.requests,
        connections=reading.connections,
        in_flight=_in_flight(reading, now),
        rps=rates.rps,
        busy=min(1.0, rates.busy / (1 if reading.loop_busy_ns else seen.threads)),
        cpu=rates.cpu,
        service=quantiles(rates.counted[SERVICE]) if rates is not NONE else Quantiles(),
        pss=seen.sizes.get(worker.age),
        gil_wait_s=rates.counted[GIL_WAIT] / 1e9 / looks if looks else 0.0,
        loop_lag_s=reading.lag_ns / 1e9,
        received=reading.received,
        sent=reading.sent,
        statuses=reading.statuses,
        unnamed=max(0, reading.in_flight - len(reading.busy)) if len(reading.busy) >= SUSPENDED else 0,
    )


def _in_flight(reading: Reading, now: float) -> tuple[InFlight, ...]:
    oldest_first = sorted(reading.busy, key=lambda each: each.since_ns)
    return tuple(
        InFlight(each.line.decode("ascii", "backslashreplace"), max(0.0, now - each.since_ns / 1e9))
        for each in oldest_first
    )


def _listener(url: str, queue: Queue | None, peak: int | None) -> ListenerView:
    if queue is None:
        return ListenerView(url, None, None)
    return ListenerView(url, queue.waiting, queue.limit, max(queue.waiting, peak or 0))
