"""What can be proven of a worker's end: what it was doing, what it took, and whether the kernel killed it for that."""

from __future__ import annotations

import signal
import time

from tonnage.supervisor.cradle import Member
from tonnage.supervisor.state import NO_SLOT
from tonnage.system.cgroup import OomKills
from tonnage.system.scoreboard import Busy

MIB = 1 << 20
RECENT_S = 3.0  # between the kernel's count and our learning of the death lies at most one look of watch.py


class Evidence:
    def __init__(self, kills: OomKills | None) -> None:
        self._kills = kills
        self._killed_at = float("-inf")

    def look(self) -> None:
        """Often, so that a count can be told from one of long ago."""
        if self._kills is not None and self._kills.news():
            self._killed_at = time.monotonic()

    def of(self, member: Member, code: int) -> str:
        """Sentences for the log; the scoreboard's slot must not be cleared yet."""
        said = [f"Generation {member.generation}, age {member.age}."]
        if code == -signal.SIGKILL:
            said.append(self._killer())
        if member.slot != NO_SLOT:
            said.append(in_flight(member))
        if member.sample is not None:
            ago_s = time.monotonic() - member.sampled_at
            kind = "RSS" if member.sample.pss is None else "PSS"
            said.append(f"Memory {ago_s:.0f} s before: {member.sample.share / MIB:.1f} MiB ({kind}).")
        return " ".join(said)

    def _killer(self) -> str:
        if self._kills is None:
            return "Whether by the kernel's out-of-memory killer or by somebody, this system does not tell."
        self.look()
        if time.monotonic() - self._killed_at > RECENT_S:
            return f"Not by the kernel's out-of-memory killer: oom_kill in {self._kills.file} has not risen."
        if self._kills.counts_the_whole_machine:
            return f"Probably by the kernel's out-of-memory killer: oom_kill in {self._kills.file} has just risen."
        return f"By the kernel's out-of-memory killer: oom_kill in {self._kills.file} has just risen."


def in_flight(member: Member) -> str:
    reading = member.cradle.release.scoreboard.read(member.slot)
    named = [described(busy) for busy in reading.busy]
    if reading.in_flight > len(named):
        named.append(f"{reading.in_flight - len(named)} more")
    return f"In flight: {'; '.join(named)}." if named else "No request was in flight."


def described(busy: Busy) -> str:
    line = busy.line.decode("latin-1").removesuffix(" HTTP/1.1")
    return f"{ascii(line)[1:-1]} for {(time.monotonic_ns() - busy.since_ns) / 1e9:.1f} s"
