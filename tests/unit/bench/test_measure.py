"""Processor time is the whole tree's, and nobody's else."""

import os
import signal

from bench.measure import TICKS_PER_S, Process, cpu_s, tree


def test_a_name_with_spaces_and_parentheses_does_not_shift_the_fields() -> None:
    stat = "7 (a) b (c) S 1 7 5 0 -1 4194560 100 200 0 0 11 12 13 14 20 0 1 0 5 6 7"
    assert Process.parse(stat) == Process(pid=7, parent=1, session=5, ticks=50)


def test_a_child_that_was_reaped_still_counts() -> None:
    pid = os.fork()
    if not pid:
        while os.times().user < 3 / TICKS_PER_S:
            pass
        os._exit(0)
    before = cpu_s(os.getpid())
    os.waitpid(pid, 0)
    assert cpu_s(os.getpid()) >= max(before, 3 / TICKS_PER_S)


def test_a_child_that_has_left_the_session_is_of_the_tree() -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        os.write(writing, b"!")
        signal.pause()
    os.read(reading, 1)
    try:
        assert pid in {process.pid for process in tree(os.getpid())}
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
