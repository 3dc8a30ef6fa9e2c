"""`python -m prove.client PLAN`: the open-loop client, in a process of its own, so that nobody holds up its clock.

The plan is JSON: the ways and the patience. Each request is sent when it is due, whatever has become of the others,
until standard input ends. Then it waits for what is still unanswered, no longer than the patience of each, and writes
the record. It writes "sent" as soon as the last request of a way with a count was sent.

A kept connection that the server has ended before anything was sent on it is no failure: another one is opened, as
every HTTP client does. One that ends after the request was sent is a failure, though RFC 9112 9.3.1 lets a client
repeat a GET: the record says `kept`, and whoever reads it may forgive.
"""

from __future__ import annotations

import gc
import heapq
import json
import os
import select
import sys
from collections import deque
from collections.abc import Iterator
from time import monotonic

from .link import Ended, Link, Visit, name_of
from .outcomes import Outcome, Record
from .ways import Way
from .wire import Question

COMMANDS = 0  # standard input
FULL_QUEUE_S = 0.005  # a connect(2) that may not block says EAGAIN at once where a blocking one would wait
LIFE_S = 900.0  # whoever started it has forgotten it
READ, WRITE = select.EPOLLIN | select.EPOLLRDHUP, select.EPOLLOUT


class Client:
    def __init__(self, ways: list[Way], patience_s: float) -> None:
        self.record = Record(began=monotonic())
        self._patience_s = patience_s
        self._epoll = select.epoll()
        self._epoll.register(COMMANDS, select.EPOLLIN)
        self._links: dict[int, Link] = {}
        self._idle: dict[str, deque[Link]] = {way.name: deque() for way in ways}
        self._open: dict[str, int] = dict.fromkeys(self._idle, 0)
        self._unsent = {way.name: way.count for way in ways if way.count is not None}
        self._number = 0
        self._due: list[tuple[float, int, Visit | Iterator[float], Way]] = []  # a heap; the int orders equals
        self._expiry: deque[tuple[float, Visit]] = deque()  # in the order of their starts
        self._pending = 0
        for seed, way in enumerate(ways):
            self._plan(way.due_times(self.record.began, seed), way)

    def run(self) -> Record:
        end = self.record.began + LIFE_S
        while (self._due or self._pending) and (now := monotonic()) < end:
            self._start_due(now)
            self._expire(now)
            self._wait(self._next_moment() - monotonic())
        self.record.ended, self.record.unfinished = monotonic(), self._pending
        return self.record

    # -- time ----------------------------------------------------------------------------------------------------------

    def _plan(self, times: Iterator[float], way: Way) -> None:
        due = next(times, None)
        if due is not None:
            self._number += 1
            heapq.heappush(self._due, (due, self._number, times, way))

    def _start_due(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            due, number, what, way = heapq.heappop(self._due)
            if isinstance(what, Visit):  # once more
                self._start(what)
                continue
            self._plan(what, way)
            self.record.late_s.append(monotonic() - due)
            path = f"{way.path}/{number}"
            visit = Visit(way, Question.ask(way.method, path, keep=way.keep, content=way.content), due)
            self._pending += 1
            self._expiry.append((due + self._patience_s, visit))
            self._start(visit)

    def _expire(self, now: float) -> None:
        while self._expiry and (self._expiry[0][0] <= now or self._expiry[0][1].done):
            _, visit = self._expiry.popleft()
            if not visit.done:
                self._fail(visit, Outcome.TIMEOUT, "no answer" if visit.sent else "no connection")

    def _next_moment(self) -> float:
        moments = [self._due[0][0]] if self._due else []
        if self._expiry:
            moments.append(self._expiry[0][0])
        return min(moments, default=monotonic())

    def _wait(self, seconds: float) -> None:
        """select(2) in front, because epoll_wait(2) rounds up to a millisecond, which would be most of a latency."""
        if select.select([self._epoll], [], [], max(0.0, seconds))[0]:
            for fd, mask in self._epoll.poll(0):
                if fd == COMMANDS:
                    self._stop()
                elif fd in self._links:
                    self._attend(self._links[fd], mask)

    def _stop(self) -> None:
        """What is already due once is still done."""
        if not os.read(COMMANDS, 4096):
            self._epoll.unregister(COMMANDS)
            self._due = [entry for entry in self._due if isinstance(entry[2], Visit)]
            heapq.heapify(self._due)

    # -- connections ---------------------------------------------------------------------------------------------------

    def _start(self, visit: Visit) -> None:
        if visit.done:  # it timed out while it waited to be tried again
            return
        way = visit.way
        link = self._take_kept(way)
        if link is None:
            try:
                link = self._connect(way)
            except BlockingIOError:
                self._again(visit, FULL_QUEUE_S)
                return
            except OSError as exc:
                self._fail(visit, Outcome.REFUSED, name_of(exc))
                return
        link.begin(visit)
        if link.connected:
            self._send(link)

    def _again(self, visit: Visit, after_s: float) -> None:
        self._number += 1
        visit.link = None
        heapq.heappush(self._due, (monotonic() + after_s, self._number, visit, visit.way))

    def _take_kept(self, way: Way) -> Link | None:
        idle = self._idle[way.name]
        while idle and self._open[way.name] >= way.population:
            link = idle.popleft()
            if link.is_alive():
                return link
            self._lose_idle(link)
        return None

    def _connect(self, way: Way) -> Link:
        link = Link(way)
        self._links[link.sock.fileno()] = link
        self._open[way.name] += 1
        self._epoll.register(link.sock, READ if link.connected else WRITE)
        return link

    def _attend(self, link: Link, mask: int) -> None:
        if link.visit is None:
            self._idle[link.way.name].remove(link)
            self._lose_idle(link)
            return
        try:
            if mask & WRITE or not link.connected:
                if not link.connected:
                    link.finish_connect()
                self._send(link)
            elif link.receive():
                self._answered(link)
        except Ended as exc:
            self._fail(link.visit, exc.outcome, exc.detail)

    def _send(self, link: Link) -> None:
        visit = link.visit
        assert visit is not None
        try:
            self._epoll.modify(link.sock, READ if link.send(monotonic()) else READ | WRITE)
        except Ended as exc:
            if link.untouched:
                self._lose_idle(link)
                self._again(visit, 0.0)
            else:
                self._fail(visit, exc.outcome, exc.detail)
            return
        if visit.sent and visit.way.name in self._unsent:
            self._count_sent(visit.way.name)

    def _count_sent(self, way: str) -> None:
        self._unsent[way] -= 1
        if self._unsent[way] == 0:
            os.write(1, b"sent\n")

    # -- ends ----------------------------------------------------------------------------------------------------------

    def _answered(self, link: Link) -> None:
        visit = link.visit
        assert visit is not None
        self._pending -= 1
        visit.done = True
        waited_s, (version, process) = monotonic() - visit.due, link.answer.author
        latency_s = max(0.0, waited_s - visit.way.takes_s)
        self.record.answered(visit.due, latency_s, version, process)
        self.record.remember(latency_s, f"{visit.question.path}, {visit.way.name}, answered by {process}")
        link.answered += 1
        link.visit = None
        if visit.way.keep and link.answer.keeps:
            self._idle[link.way.name].append(link)
        else:
            self._close(link)

    def _fail(self, visit: Visit, outcome: Outcome, detail: str) -> None:
        self._pending -= 1
        visit.done = True
        self.record.failed(visit.failure(outcome, detail, monotonic()))
        if visit.link is not None:
            self._close(visit.link)

    def _lose_idle(self, link: Link) -> None:
        self.record.closed_idle += 1
        self._close(link)

    def _close(self, link: Link) -> None:
        self._open[link.way.name] -= 1
        del self._links[link.sock.fileno()]
        link.sock.close()


def main() -> int:
    plan = json.loads(sys.argv[1])
    gc.disable()  # a collection would be a latency
    client = Client([Way(**fields) for fields in plan["ways"]], plan["patience_s"])
    os.write(1, b"began\n")
    sys.stdout.write(client.run().dump())
    return 0


if __name__ == "__main__":
    sys.exit(main())
