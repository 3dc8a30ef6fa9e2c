"""The workers and zygotes as processes: starting, telling, hearing and burying them. None is ever left behind.

A pid is signalled only until it is reaped; afterwards it may be anybody's. A worker that a zygote forks tells its pid
itself, as the first word on its channel; until then it is known by the channel alone.
"""

from __future__ import annotations

import os
import selectors
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from tonnage.messages import BootFailed, Forked, Leaving, Message, NotForked, Ready, Recycle, ZygoteReady
from tonnage.supervisor.cradle import Cradle, Member, guard
from tonnage.supervisor.evidence import Evidence, in_flight
from tonnage.supervisor.facts import (
    Fact,
    ForkFailed,
    WorkerBootFailed,
    WorkerExited,
    WorkerForked,
    WorkerLeaving,
    WorkerReady,
    WorkerTired,
)
from tonnage.supervisor.orders import Hatch, Spawn
from tonnage.supervisor.spawn import ask_zygote, fork_worker, hatch
from tonnage.supervisor.state import NO_SLOT, Record
from tonnage.system import processes
from tonnage.system.scoreboard import Reading

MOST_AT_ONCE = 1024  # more than a socket holds: the last words of the dead are read whole, the living cannot hold us up


class Crew:
    def __init__(self, cradles: Mapping[int, Cradle], selector: selectors.BaseSelector, evidence: Evidence) -> None:
        self._cradles = cradles
        self._selector = selector
        self._evidence = evidence
        self.members: dict[int, Member] = {}
        self.on_end: Callable[[Member], None] = _nothing  # the slot of a dead worker is about to be emptied
        self.adopts = False  # we are a subreaper: strangers may become our children
        self.on_stranger: Callable[[int, int], Iterable[Fact]] = (
            _no_news  # a pid that is not of the crew; its exit code
        )

    # -- starting ------------------------------------------------------------------------------------------------------

    def spawn(self, order: Spawn) -> Fact | None:
        """None: it is on its way, and says itself when it is there."""
        cradle = self._cradles[order.generation]
        try:
            if cradle.has_zygote:
                self._add(ask_zygote(order, cradle, self._zygote(order.generation)))
                return None
            self._add(fork_worker(order, cradle))
        except OSError as exc:
            return ForkFailed(order.age, exc.strerror or str(exc))
        return WorkerForked(order.age)

    def hatch(self, order: Hatch) -> Fact:
        try:
            self._add(hatch(order, self._cradles[order.generation]))
        except OSError as exc:
            return ForkFailed(order.age, exc.strerror or str(exc))
        return WorkerForked(order.age)

    def _add(self, member: Member) -> None:
        self.members[member.age] = member
        self._selector.register(member.channel, selectors.EVENT_READ, partial(self.hear, member.age))
        self._enrol(member)

    def _enrol(self, member: Member) -> None:
        if member.pid and member.slot != NO_SLOT:
            member.worker.pid = member.pid
            member.cradle.server.WORKERS[member.pid] = member.worker

    def _zygote(self, generation: int) -> Member:
        for member in self.members.values():
            if member.slot == NO_SLOT and member.generation == generation and member.worker.booted:
                return member
        raise ProcessLookupError(0, "its zygote is gone")

    # -- telling -------------------------------------------------------------------------------------------------------

    def pid(self, age: int) -> int:
        """For the log; 0 when it was never forked."""
        member = self.members.get(age)
        return member.pid if member is not None else 0

    def read(self, worker: Record) -> Reading:
        member = self.members.get(worker.age)
        cradle = member.cradle if member is not None else self._cradles[worker.generation]
        return cradle.release.scoreboard.read(worker.slot)

    def peaks(self, second: int) -> Iterator[tuple[str, int]]:
        """Accept queues that workers have seen in this second or the one before, by their listener's URL."""
        for member in self.members.values():
            if member.slot != NO_SLOT:
                peaks = member.cradle.release.scoreboard.peaks(member.slot, second)
                yield from zip((each.url for each in member.cradle.listeners), peaks, strict=False)

    def threads(self, generation: int) -> int:
        """Of each worker."""
        return self._cradles[generation].release.scoreboard.threads

    def role(self, age: int) -> str:
        member = self.members.get(age)
        return "Zygote" if member is not None and member.slot == NO_SLOT else "Worker"

    def in_flight(self, age: int) -> str:
        member = self.members.get(age)
        serves = member is not None and member.slot != NO_SLOT and member.worker.booted
        return in_flight(member) if member is not None and serves else ""

    def last_words(self, age: int) -> str:
        member = self.members.get(age)
        return member.last_words if member is not None else ""

    def is_loading(self, age: int) -> bool:
        return not self.members[age].worker.booted

    def tell(self, age: int, message: Message) -> bool:
        """Whether it can be told."""
        return self.members[age].channel.send(message)

    def tell_all(self, message: Message) -> None:
        for member in self.members.values():
            member.channel.send(message)

    def signal(self, age: int, number: int) -> None:
        member = self.members[age]
        if member.pid and not member.reaped:
            processes.tell(member.pid, number)

    def kill(self, age: int) -> Iterable[Fact]:
        member = self.members[age]
        if member.pid:
            self.signal(age, signal.SIGKILL)
            return ()
        self._hang_up(member)  # nobody knows whether it exists; without a supervisor it would not stay
        return (ForkFailed(age, "its zygote has not forked it in time"),)

    # -- hearing -------------------------------------------------------------------------------------------------------

    def hear(self, age: int) -> Iterator[Fact]:
        """All that it has said since."""
        member = self.members[age]
        log = member.cradle.log
        for _ in range(MOST_AT_ONCE):
            if not member.listening:
                return
            try:
                message = member.channel.receive()
            except EOFError:
                self._hang_up(member)
                yield from self._silent(member)
                return
            except (ValueError, RecursionError) as exc:  # a worker runs other people's code; it may send anything
                log.warning("Worker (pid: %d) sent what is no message: %s", member.pid, exc)
                continue
            if message is None:
                return
            yield from self._understand(member, message)

    @property
    def serves_asgi(self) -> bool:
        """Some worker that is, or was, ready."""
        return any(member.is_asgi for member in self.members.values())

    def _understand(self, member: Member, message: Message) -> Iterator[Fact]:
        age, log = member.age, member.cradle.log
        match message:
            case Ready(_, is_asgi):
                member.worker.booted = True
                member.is_asgi = is_asgi
                yield WorkerReady(age)
            case ZygoteReady(_, warnings):
                member.worker.booted = True
                for warning in warnings:
                    log.warning("The application was loaded once, to be forked: %s.", warning)
                yield WorkerReady(age)
            case BootFailed(_, exit_code, reason, detail):
                yield WorkerBootFailed(age, exit_code, reason, detail)
            case Recycle(reason, urgent):
                yield WorkerTired(age, reason, urgent)
            case Leaving():
                yield WorkerLeaving(age)
            case Forked(pid) if member.pid == 0:
                member.pid = pid
                self._enrol(member)
                yield WorkerForked(age)
            case NotForked(other, reason):
                yield ForkFailed(other, reason)
            case _:
                log.warning("Worker (pid: %d) sent a message that is not for us", member.pid)

    def _silent(self, member: Member) -> Iterator[Fact]:
        """Nobody holds its channel: if it was never forked, its zygote may have said why."""
        if member.pid:
            return
        for other in list(self.members.values()):
            if other.slot == NO_SLOT and other.generation == member.generation:
                yield from self.hear(other.age)
        yield ForkFailed(member.age, "its zygote is gone")

    # -- burying -------------------------------------------------------------------------------------------------------

    def reap(self) -> Iterator[Fact]:
        """What the dead have left: their last words, then their end."""
        for member in list(self.members.values()):
            if member.pid and not member.reaped and (code := processes.reap(member.pid)) is not None:
                yield from self._ended(member, code)
        if self.adopts:
            for pid, code in processes.reap_strangers():
                yield from self._stranger(pid, code)

    def _stranger(self, pid: int, code: int) -> Iterator[Fact]:
        """It may be a worker whose first word is not read yet, or just died; or really nobody of ours."""
        for member in list(self.members.values()):
            if member.pid == 0:
                yield from self.hear(member.age)
        for member in list(self.members.values()):
            if member.pid == pid and not member.reaped:
                yield from self._ended(member, code)
                return
        yield from self.on_stranger(pid, code)

    def _ended(self, member: Member, code: int) -> Iterator[Fact]:
        member.reaped = True
        member.worker.alive = False
        member.last_words = self._evidence.of(member, code)
        if stacks := member.read_stacks():
            member.cradle.log.error("What process %d was doing:\n%s", member.pid, stacks.rstrip())
        if member.slot != NO_SLOT:  # now: as soon as the end is known, the slot may be another's
            self.on_end(member)
            member.cradle.release.scoreboard.clear(member.slot)
        yield from self.hear(member.age)
        yield WorkerExited(member.age, code)

    def bury(self, age: int) -> None:
        """After its end was reported: close what we have of it, tell the hook."""
        member = self.members.pop(age, None)
        if member is None:
            return
        cradle = member.cradle
        self._hang_up(member)
        _close(member)
        if cradle.server.WORKERS.pop(member.pid, None) is None:
            return
        if (child_exit := cradle.release.hooks.child_exit) is not None:
            guard(cradle.log, "child_exit", lambda: child_exit(cradle.server, member.worker))

    def end(self, timeout_s: float) -> None:
        """The last resort, when nobody decides any more. Waits."""
        left = [member for member in self.members.values() if member.pid and not member.reaped]
        processes.end([member.pid for member in left], timeout_s)
        self.close()

    def close(self) -> None:
        """Our ends of the channels; in a forked child, all of them are its parent's."""
        for member in self.members.values():
            _close(member)

    def _hang_up(self, member: Member) -> None:
        if member.listening:
            member.listening = False
            self._selector.unregister(member.channel)


def _nothing(_: Member) -> None:
    """Nobody wants to know."""


def _no_news(_pid: int, _code: int) -> Iterable[Fact]:
    return ()


def _close(member: Member) -> None:
    member.channel.close()
    os.close(member.stacks)
