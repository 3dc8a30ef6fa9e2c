"""What processes take: real ones where it can be, files that stand for the kernels that hide it."""

import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tonnage.system.memory import PAGE, Sample, measure

MIB = 1 << 20


def test_what_this_process_takes_grows_by_what_it_touches() -> None:
    before = measure(os.getpid())
    with mmap.mmap(-1, 32 * MIB) as taken:
        for at in range(0, len(taken), PAGE):
            taken[at] = 1
        after = measure(os.getpid())
    assert before.pss is not None
    assert after.pss is not None
    assert after.rss - before.rss >= 24 * MIB  # what is shared with other Pythons is divided by how many there are
    assert after.pss - before.pss >= 24 * MIB  # what is shared with other Pythons is divided by how many there are
    assert after.share == after.pss <= after.rss


def test_shared_pages_are_divided_among_those_who_share_them() -> None:
    with mmap.mmap(-1, 32 * MIB) as shared:
        for at in range(0, len(shared), PAGE):
            shared[at] = 1
        alone = measure(os.getpid())
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(writing)
            for at in range(0, len(shared), PAGE):
                assert shared[at] == 1  # maps the page here as well
            os.read(reading, 1)
            os._exit(0)
        os.close(reading)
        _wait_until_mapped(pid)
        together = measure(os.getpid())
        os.close(writing)
        os.waitpid(pid, 0)
    assert alone.pss is not None
    assert together.pss is not None
    assert alone.pss - together.pss >= 15 * MIB


def _wait_until_mapped(pid: int) -> None:
    while measure(pid).rss < 32 * MIB:
        os.sched_yield()


def test_a_dead_process_takes_nothing_and_is_said_to_be_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    with pytest.raises(ProcessLookupError):
        measure(child.pid)
    child.wait()
    with pytest.raises(ProcessLookupError):
        measure(child.pid)


def test_where_the_kernel_hides_the_share_the_resident_set_is_what_is_left(tmp_path: Path) -> None:
    for name in ("self", "42"):
        (tmp_path / name).mkdir()
    (tmp_path / "42/statm").write_text("3000 700 300 1 0 500 0\n")
    assert measure(42, tmp_path) == Sample(700 * PAGE, None)
    assert measure(42, tmp_path).share == 700 * PAGE


def test_a_zombie_of_a_kernel_without_rollup_is_dead_as_well(tmp_path: Path) -> None:
    (tmp_path / "42").mkdir()
    (tmp_path / "42/statm").write_text("0 0 0 0 0 0 0\n")
    with pytest.raises(ProcessLookupError, match="42"):
        measure(42, tmp_path)


def test_a_machine_without_proc_is_named_as_the_reason(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not mounted"):
        measure(42, tmp_path)
