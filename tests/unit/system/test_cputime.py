"""The clocks of a process, asked from outside."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tonnage.system.cputime import own_queued_ns, turns, used_ns


def burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_the_clock_counts_what_was_computed_and_no_sleep() -> None:
    before = used_ns(os.getpid())
    burn(0.05)
    assert used_ns(os.getpid()) - before >= 50_000_000
    before = used_ns(os.getpid())
    time.sleep(0.001)
    assert used_ns(os.getpid()) - before < 500_000_000


def test_each_thread_has_its_turns_and_who_is_gone_has_none() -> None:
    pid = os.fork()
    if pid == 0:
        burn(0.05)
        signal.pause()
    while used_ns(pid) < 50_000_000:
        os.sched_yield()
    found = turns(pid)
    assert list(found) == [pid]
    assert found[pid].queued_ns >= 0
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with pytest.raises(FileNotFoundError):
        turns(pid)


def test_our_own_waiting_never_goes_back() -> None:
    before = own_queued_ns()
    burn(0.01)
    assert own_queued_ns() >= before >= 0
