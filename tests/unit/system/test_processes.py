import os
import select
import signal
from pathlib import Path

import pytest

from tonnage.system import processes
from tonnage.system.processes import (
    end,
    end_with_reader,
    family,
    how_it_ended,
    outlive_reader,
    reap,
    set_title,
    tell,
    wait_gone,
)


def sleeper(*ignored: int) -> int:
    """A child that does nothing; it exists when this returns, with its signals set."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        os.close(write)
        os.close(read)
        while True:
            signal.pause()
    os.close(write)
    select.select([read], [], [])
    os.close(read)
    return pid


def test_a_death_is_told_in_words() -> None:
    assert how_it_ended(3) == "exited with code 3"
    assert how_it_ended(-11) == "was killed by SIGSEGV"
    assert how_it_ended(-35) == "was killed by signal 35"


def test_a_child_is_reaped_once_and_only_when_dead() -> None:
    pid = sleeper()
    assert reap(pid) is None
    tell(pid, signal.SIGKILL)
    assert wait_gone([pid], 30) == []
    assert reap(pid) == -signal.SIGKILL
    assert reap(pid) == 255, "somebody else has reaped it"
    tell(pid, signal.SIGKILL)


def writer(pipe: int, reader: int, *, outlives: bool = False) -> int:
    """A child that bears every signal that can be borne; it has said so when this returns, or it is dead."""
    told, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
        end_with_reader(pipe)
        if outlives:
            outlive_reader(pipe)
        os.write(say, b".")
        os.close(say)
        signal.sigwait([signal.SIGTERM])
        os._exit(7)
    os.close(say)
    os.read(told, 1)
    os.close(told)
    return pid


def code_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_who_ends_with_its_reader_is_killed_when_that_is_gone_or_was_gone_before() -> None:
    read, write = os.pipe()
    pid = writer(write, read)
    assert reap(pid) is None
    os.close(read)
    assert code_of(pid) == -signal.SIGKILL
    gone = os.open(os.devnull, os.O_RDONLY)
    assert code_of(writer(write, gone)) == -signal.SIGKILL
    os.close(gone)
    os.close(write)


def test_who_outlives_its_reader_does_not_notice_its_end() -> None:
    read, write = os.pipe()
    pid = writer(write, read, outlives=True)
    os.close(read)
    tell(pid, signal.SIGTERM)
    assert code_of(pid) == 7
    os.close(write)


def test_waiting_ends_with_the_time() -> None:
    pid = sleeper()
    assert wait_gone([pid], 0.01) == [pid]
    end([pid], 30)


def test_the_end_leaves_nobody_not_even_the_stubborn() -> None:
    pids = [sleeper(), sleeper(signal.SIGTERM)]
    end(pids, 0.05)
    for pid in pids:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def test_without_pidfd_the_stubborn_and_the_others_are_ended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    pids = [sleeper(signal.SIGTERM), sleeper()]
    assert wait_gone(pids, 30) == pids
    end(pids, 30)
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[0], os.WNOHANG)


def test_the_title_is_the_short_name_without_setproctitle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "setproctitle", None)
    before = Path("/proc/self/comm").read_text()
    set_title("supervisor", "site")
    assert Path("/proc/self/comm").read_text() == "tonnage-supervi\n"
    Path("/proc/self/comm").write_text(before)


def test_the_title_is_whole_with_setproctitle(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    seen: list[str] = []
    fake = types.ModuleType("setproctitle")
    fake.setproctitle = seen.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "setproctitle", fake)
    processes.set_title("worker", "site")
    assert seen == ["tonnage: worker [site]"]


def test_a_family_is_a_process_its_children_and_theirs(tmp_path: Path) -> None:
    for pid, children in ((1, "2 3 "), (2, ""), (3, "4 ")):
        task = tmp_path / str(pid) / "task" / str(pid)
        task.mkdir(parents=True)
        (task / "children").write_text(children)
    assert list(family(1, tmp_path)) == [1, 2, 3, 4]  # 4 is gone already
