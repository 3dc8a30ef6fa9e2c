"""How late a thread wakes up, when others compute and when nobody does."""

import sys
import threading

import pytest

from tonnage.system.scoreboard import Cell, Scoreboard
from tonnage.workers import gil
from tonnage.workers.gil import GilGauge


def wait_ns(looks: int) -> int:
    slot = Scoreboard(1, threads=1).slot(0)
    gauge = GilGauge(slot)
    for _ in range(looks):
        gauge.sleep(0.001)
    assert slot.cells[Cell.GIL_LOOKS] == looks
    return slot.cells[Cell.GIL_WAIT_NS]


@pytest.mark.parametrize("schedstat", [gil.SCHEDSTAT, "/nonexistent"])
def test_threads_that_compute_keep_others_waiting_for_the_interpreter(
    schedstat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gil, "SCHEDSTAT", schedstat)
    alone_ns = min(wait_ns(20) for _ in range(5))  # what else the machine does comes and goes
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            sum(range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        crowded_ns = max(wait_ns(20) for _ in range(5))
    finally:
        done.set()
        thread.join()
    assert crowded_ns > 5 * sys.getswitchinterval() * 1e9
    if schedstat == gil.SCHEDSTAT:
        assert alone_ns < crowded_ns
