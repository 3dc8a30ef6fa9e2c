"""Looks at the running server, and puts together what operators are told. Asks no worker anything.

Once a second every slot of the scoreboard is read, and the clocks of the processes; ten times a second, while requests
come or wait, the accept queues. What is derived from that is elsewhere: ledger (sums), rates, peaks, tally, counsel.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from tonnage.control.overview import Overview
from tonnage.supervisor.counsel import Advise, Counsel
from tonnage.supervisor.cradle import Member
from tonnage.supervisor.crew import Crew
from tonnage.supervisor.ledger import Ledger
from tonnage.supervisor.orders import Order
from tonnage.supervisor.overview import Seen, overview
from tonnage.supervisor.peaks import Peaks
from tonnage.supervisor.rates import REQUESTS, Sample, Window, occupied_ns
from tonnage.supervisor.state import NO_SLOT, State
from tonnage.supervisor.tally import Tally
from tonnage.system.cputime import used_ns
from tonnage.system.listeners import Listener
from tonnage.system.queues import Queue, accept_queue
from tonnage.system.scoreboard import Reading

EVERY_S = 1.0
QUICK_S = 0.1


class Observer:
    def __init__(
        self,
        state: State,
        crew: Crew,
        listeners: Callable[[], Sequence[Listener]],
        log: logging.Logger,
        cpus: float,
        advise: Advise | None = None,
    ) -> None:
        self._state = state
        self._crew = crew
        self._listeners = listeners
        self._cpus = cpus
        self._started_at, self._started_s = time.monotonic(), time.time()
        self._ledger = Ledger()
        self._peaks = Peaks()
        self._windows: dict[int, Window] = {}  # by age
        self._whole = Window()
        self._tally = Tally(self._is_stale)
        self._counsel = Counsel(advise, log)
        self._look_at = 0.0
        self._is_moving = False
        self.next_at = 0.0
        crew.on_end = self.close

    def hear(self, order: Order) -> None:
        self._tally.hear(order)

    def close(self, member: Member) -> None:
        """It has ended; its slot of the scoreboard is about to be emptied."""
        self._windows.pop(member.age, None)
        self._ledger.close(member.age, member.cradle.release.scoreboard.read(member.slot))

    def turn(self, now: float) -> None:
        if now < self.next_at:
            return
        waiting = sum(queue.waiting for queue in self._queues(now).values() if queue is not None)
        if now >= self._look_at:
            self._look_at = now + EVERY_S
            self._sample(now)
            if self._counsel.is_due(now):
                self._counsel.take(self.overview(now), now)
        self.next_at = now + QUICK_S if waiting or self._is_moving else self._look_at

    def overview(self, now: float) -> Overview:
        readings = dict(self._read())
        seen = Seen(
            readings=readings,
            pids={age: self._crew.pid(age) for age in readings},
            queues=self._queues(now),
            sizes={member.age: member.sample.share for member in self._crew.members.values() if member.sample},
            threads=self._crew.threads(self._state.generation),
            rates={age: window.rates() for age, window in self._windows.items()},
            whole=self._whole.rates(),
            counts=self._ledger.totals(),
            peaks={listener.url: self._peaks.of(listener.url, int(now)) for listener in self._listeners()},
            restarts=self._tally.restarts(),
            capped=self._counsel.capped,
            cpus=self._cpus,
            started_s=self._started_s,
        )
        return overview(self._state, seen, self._started_at, now, time.time())

    # -- looking -------------------------------------------------------------------------------------------------------

    def _read(self) -> Iterator[tuple[int, Reading]]:
        """And count it in."""
        for worker in self._state.workers.values():
            reading = self._crew.read(worker)
            self._ledger.see(worker.age, reading, self._cpu_ns(worker.age))
            yield worker.age, reading

    def _sample(self, now: float) -> None:
        now_ns = int(now * 1e9)
        for age, reading in self._read():
            sample = Sample(now, self._ledger.of(age), occupied_ns(reading, now_ns))
            self._windows.setdefault(age, Window()).take(sample)
        for age in set(self._windows).difference(self._state.workers):
            del self._windows[age]
        self._ledger.forget(self._state.workers)
        totals = self._ledger.totals()
        before = self._whole.latest
        self._is_moving = before is not None and before.counts[REQUESTS] != totals[REQUESTS]
        self._whole.take(Sample(now, totals, 0))

    def _cpu_ns(self, age: int) -> int:
        pid = self._crew.pid(age)
        try:
            return used_ns(pid) if pid else 0
        except OSError:  # just gone, or not Linux
            return 0

    def _queues(self, now: float) -> dict[str, Queue | None]:
        """By the listener's URL, as they are; the peaks remember them."""
        second = int(now)
        found: dict[str, Queue | None] = {}
        for listener in self._listeners():
            try:
                queue = found[listener.url] = accept_queue(listener.sock)
            except OSError:  # the kernel does not say, or a stopping server has closed it
                found[listener.url] = None
            else:
                self._peaks.note(listener.url, second, queue.waiting)
        for url, peak in self._crew.peaks(second):
            self._peaks.note(url, second, peak)
        return found

    def _is_stale(self, age: int) -> bool:
        member = self._crew.members.get(age)
        return member is not None and member.slot != NO_SLOT and member.generation != self._state.generation
