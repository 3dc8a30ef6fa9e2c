"""The workers as processes: starting, telling, hearing and burying them. None is ever left behind.

A pid is signalled only until it is reaped; afterwards it may be anybody's.
"""

from __future__ import annotations

import selectors
from collections.abc import Iterator

from tonnage.messages import BootFailed, Message, Ready
from tonnage.supervisor.facts import Fact, WorkerBootFailed, WorkerExited, WorkerReady
from tonnage.supervisor.orders import Spawn
from tonnage.supervisor.spawn import Cradle, Member, guard, spawn
from tonnage.system import processes

MOST_AT_ONCE = 1024  # more than a socket holds: the last words of the dead are read whole, the living cannot hold us up


class Crew:
    def __init__(self, cradle: Cradle, selector: selectors.BaseSelector) -> None:
        self._cradle = cradle
        self._selector = selector
        self._members: dict[int, Member] = {}

    def spawn(self, order: Spawn) -> None:
        """Raises OSError."""
        member = spawn(order, self._cradle)
        self._members[member.age] = member
        self._selector.register(member.channel, selectors.EVENT_READ, member.age)
        self._cradle.server.WORKERS[member.pid] = member.worker

    def pid(self, age: int) -> int:
        """For the log; 0 when it was never forked."""
        member = self._members.get(age)
        return member.pid if member is not None else 0

    def is_loading(self, age: int) -> bool:
        return not self._members[age].worker.booted

    def tell(self, age: int, message: Message) -> bool:
        """Whether it can be told."""
        return self._members[age].channel.send(message)

    def tell_all(self, message: Message) -> None:
        for member in self._members.values():
            member.channel.send(message)

    def signal(self, age: int, number: int) -> None:
        member = self._members[age]
        if not member.reaped:
            processes.tell(member.pid, number)

    def hear(self, age: int) -> Iterator[Fact]:
        """All that it has said since."""
        member = self._members[age]
        for _ in range(MOST_AT_ONCE):
            if not member.listening:
                return
            try:
                message = member.channel.receive()
            except EOFError:
                self._hang_up(member)
                return
            except (ValueError, RecursionError) as exc:  # a worker runs other people's code; it may send anything
                self._cradle.log.warning("Worker (pid: %d) sent what is no message: %s", member.pid, exc)
                continue
            match message:
                case None:
                    return
                case Ready():
                    member.worker.booted = True
                    yield WorkerReady(age)
                case BootFailed(_, exit_code, reason, detail):
                    yield WorkerBootFailed(age, exit_code, reason, detail)
                case _:
                    self._cradle.log.warning("Worker (pid: %d) sent a message that is not for us", member.pid)

    def reap(self) -> Iterator[Fact]:
        """What the dead have left: their last words, then their end."""
        for member in list(self._members.values()):
            code = None if member.reaped else processes.reap(member.pid)
            if code is None:
                continue
            member.reaped = True
            member.worker.alive = False
            self._cradle.scoreboard.clear(member.slot)  # now: as soon as the end is known, the slot may be another's
            yield from self.hear(member.age)
            yield WorkerExited(member.age, code)

    def bury(self, age: int) -> None:
        """After its end was reported: close the channel, tell the hook."""
        member = self._members.pop(age)
        cradle = self._cradle
        self._hang_up(member)
        member.channel.close()
        cradle.server.WORKERS.pop(member.pid, None)
        if (child_exit := cradle.hooks.child_exit) is not None:
            guard(cradle.log, "child_exit", lambda: child_exit(cradle.server, member.worker))

    def end(self, timeout_s: float) -> None:
        """The last resort, when nobody decides any more. Waits."""
        left = [member for member in self._members.values() if not member.reaped]
        processes.end([member.pid for member in left], timeout_s)
        self.close()

    def close(self) -> None:
        """Our ends of the channels; in a forked child, all of them are its parent's."""
        for member in self._members.values():
            member.channel.close()

    def _hang_up(self, member: Member) -> None:
        if member.listening:
            member.listening = False
            self._selector.unregister(member.channel)
