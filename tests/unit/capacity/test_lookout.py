"""What is seen of the machine and remembered of the workers, with files that stand for a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.capacity.test_advice import CALM, SEEN, WORKER
from tonnage.capacity.lookout import Limits, Lookout, Memory, is_database

NOT_A_PID = 2**22 + 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "limits").write_text(
        "Max open files            1024                 4096      files\n"
    )
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 8388608 kB\nMemAvailable: 2097152 kB\n")
    ticks(tmp_path, 0, 0)
    return tmp_path


def ticks(root: Path, busy: int, idle: int) -> None:
    line = f"{busy} 0 0 {idle} 0 0 0 0 0 0"
    (root / "proc" / "stat").write_text(f"cpu  {line}\ncpu0 {line}\ncpu1 {line}\nintr 0\n")


def lookout(root: Path, **settings: float) -> Lookout:
    limits = Limits(connections=100, **settings)  # type: ignore[arg-type]
    return Lookout(lambda: limits, root)


def test_cpus_are_idle_when_neither_we_nor_others_use_them(root: Path) -> None:
    out = lookout(root)
    ticks(root, 300, 100)
    assert out.look(SEEN).idle_cpus == pytest.approx(0.5)  # of the machine's two; of ours 1.6 are left
    ticks(root, 300, 500)
    assert out.look(SEEN).idle_cpus == pytest.approx(1.6)


def test_memory_and_descriptors_are_those_of_the_machine(root: Path) -> None:
    signals = lookout(root).look(replace(SEEN, workers=(replace(WORKER, pid=NOT_A_PID),)))
    assert (signals.memory_limit, signals.memory_room) == (8 << 30, 2 << 30)
    assert (signals.files, signals.files_limit) == (0, 1024)


def test_a_size_is_followed_by_requests_until_a_slope_can_be_told(root: Path) -> None:
    out = lookout(root)
    for turn in range(10):
        worker = replace(WORKER, requests=100 * turn, pss=10_000_000 + turn * 50_000)
        signals = out.look(replace(CALM, workers=(worker,)))
        assert bool(signals.growths) is (turn >= 5)
    (growth,) = signals.growths
    assert (growth.octets_per_request, growth.requests, growth.grown) == (500.0, 900, 450_000)
    assert out.look(replace(CALM, workers=(replace(WORKER, pid=NOT_A_PID),))).growths == ()


def test_few_samples_are_kept_of_a_long_life() -> None:
    memory = Memory()
    for turn in range(10_000):
        memory.take(turn * 10, 1000 + turn)
    assert len(memory.samples) <= 60
    growth = memory.growth(1, 5.0)
    assert growth is not None
    assert growth.octets_per_request == pytest.approx(0.1)


def test_the_most_that_was_busy_is_known_when_it_was_watched_long_enough(root: Path) -> None:
    out = lookout(root, oversized_after_s=100.0)
    seen = []
    for uptime, busy in ((0, 0.5), (50, 0.1), (99, 0.2), (100, 0.1), (140, 0.1), (151, 0.1)):
        seen.append(out.look(replace(CALM, uptime_s=float(uptime), busy=busy)).most_busy)
    assert seen == [None, None, None, 1.0, 0.4, 0.4]


def test_nothing_is_said_of_a_server_that_never_had_a_request(root: Path) -> None:
    out = lookout(root, oversized_after_s=10.0)
    assert out.look(replace(CALM, rps=0.0, uptime_s=0.0)).most_busy is None
    assert out.look(replace(CALM, rps=0.0, uptime_s=1000.0)).most_busy is None


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("10.0.0.5:5432", True),
        ("[::1]:3306", True),
        ("unix:/run/postgresql/.s.PGSQL.5432", True),
        ("10.0.0.5:443", False),
        ("unix:/run/redis.sock", False),
    ],
)
def test_a_database_is_known_by_its_address(peer: str, *, expected: bool) -> None:
    assert is_database(peer) is expected
