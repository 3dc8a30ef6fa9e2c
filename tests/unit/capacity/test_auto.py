"""`workers = auto`: what is chosen, what it is bound by, and that the log says so."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.capacity import plans
from tests.unit.system.machines import machine, write
from tonnage.capacity.auto import Wish, choose, most_useful
from tonnage.capacity.facts import Bound, Facts, Number, Term, gather
from tonnage.supervisor.settings import Sizing, Warm

MIB = 1 << 20
V1 = ("cpu", "memory")
SYNC, THREADS, ASGI = Wish("sync", 1), Wish("gthread", 4), Wish("asgi", 1)
WARM = Warm(first=42 * MIB, further=40 * MIB, server=12 * MIB, all=54 * MIB, preload=False, generation=1)


def facts(cpus: float, memory: int, taken: int = 0, nofile: int = 20_000, pids: int = 4096) -> Facts:
    return replace(
        plans.facts(),
        cpu=Bound((Term(cpus, "quota", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),)),
        memory=Bound((Term(memory * MIB, "memory.limit_in_bytes", "/sys/fs/cgroup/memory", taken * MIB),)),
        tasks=Bound((Term(pids, "pids.max", "/sys/fs/cgroup/pids"),)),
        nofile_soft=Number(nofile, "RLIMIT_NOFILE"),
        nofile_hard=Number(None, ""),
    )


def text(sizing: Sizing) -> str:
    return "\n".join(sizing.lines)


@pytest.mark.parametrize(
    ("cpus", "memory", "workers", "by"),
    [
        (0.5, 128, 1, "memory"),  # (115.2 - 12 - 2) / 40 = 2, one of them for a reload
        (0.5, 256, 2, "CPU"),
        (1.0, 256, 3, "CPU"),
        (1.5, 256, 4, "CPU"),
        (2.0, 256, 4, "memory"),
        (1.5, 512, 4, "CPU"),
    ],
)
def test_the_smaller_of_cpu_and_memory_is_chosen_and_named(cpus: float, memory: int, workers: int, by: str) -> None:
    sizing = choose(facts(cpus, memory), WARM, SYNC)
    assert sizing.workers == workers
    assert f"bound by {by}, next by " in sizing.lines[0]
    assert not sizing.is_tight


def test_every_figure_has_its_origin_and_the_way_to_override_is_told() -> None:
    said = text(choose(facts(1.5, 512, taken=100), WARM, SYNC))
    assert "CPU: 4 = ceil(2 x 1.5) + 1; quota, /sys/fs/cgroup/cpu/cpu.cfs_quota_us; assumed" in said
    assert "memory: 7 = floor((512.0 MiB x 90 % - 100.0 MiB - 12.0 MiB - 2.0 MiB) / (40.0 MiB + 0.0 MiB)) - 1" in said
    assert "memory.limit_in_bytes, /sys/fs/cgroup/memory; a worker takes 40.0 MiB" in said
    assert "One more needs 0.5 CPUs more." in said
    assert "--workers N (WEB_CONCURRENCY)" in said


@pytest.mark.parametrize(("wish", "workers"), [(SYNC, 5), (Wish("gthread", 1), 5), (THREADS, 2), (ASGI, 2)])
def test_who_has_several_requests_at_a_time_burns_a_cpu_by_itself(wish: Wish, workers: int) -> None:
    assert choose(facts(2, 4096), WARM, wish).workers == workers == most_useful(2, wish)


def test_one_more_fits_when_what_it_needs_is_there() -> None:
    """The figure that the last but one line names, to the octet."""
    short = choose(facts(16, 256), WARM, SYNC)
    missing = next(line for line in short.lines if "One more needs" in line)
    more = float(missing.split("needs ")[1].split(" MiB")[0])
    assert choose(facts(16, 256 + int(more)), WARM, SYNC).workers == short.workers
    assert choose(facts(16, 256 + int(more) + 1), WARM, SYNC).workers == short.workers + 1


def test_memory_that_carries_no_worker_and_its_replacement_is_a_warning() -> None:
    sizing = choose(facts(2, 64), WARM, SYNC)
    assert (sizing.workers, sizing.is_tight) == (1, True)
    assert "memory does not carry one and, during a reload, its replacement" in sizing.lines[0]


def test_the_bounds_of_the_settings_hold_and_are_named() -> None:
    most = choose(facts(4, 4096), WARM, replace(SYNC, max_workers=3))
    assert (most.workers, most.is_tight) == (3, False)
    assert "the most that --max-workers allows; CPU would carry 9" in most.lines[0]
    least = choose(facts(0.5, 4096), WARM, replace(SYNC, min_workers=6))
    assert (least.workers, least.is_tight) == (6, True)
    assert "the fewest that --min-workers allows, and CPU carries 2" in least.lines[0]


def test_memory_that_cannot_be_measured_is_not_guessed() -> None:
    sizing = choose(facts(1, 128), replace(WARM, first=None, further=None), SYNC)
    assert sizing.workers == 3
    assert "memory is not counted: the kernel does not show what a worker takes" in text(sizing)


def test_few_descriptors_or_processes_bind_and_are_told() -> None:
    assert "bound by files, next by CPU at 5" in choose(facts(2, 4096, nofile=10), WARM, SYNC).lines[0]
    assert "bound by tasks, next by CPU at 5" in choose(facts(2, 4096, pids=10), WARM, SYNC).lines[0]


@pytest.mark.parametrize("cpus", [0.1, 0.5, 1, 1.5, 2, 7.3, 64])
@pytest.mark.parametrize("wish", [SYNC, THREADS, ASGI, Wish("sync", 1, min_workers=9), Wish("sync", 1, max_workers=2)])
def test_no_answer_is_above_what_the_scoreboard_is_made_for(cpus: float, wish: Wish) -> None:
    assert choose(facts(cpus, 1 << 20), WARM, wish).workers <= most_useful(cpus, wish)


def test_an_asgi_application_that_chose_its_worker_class_is_counted_as_one() -> None:
    found = facts(2.0, 4096)
    assert choose(found, WARM, SYNC).workers == 5
    assert choose(found, replace(WARM, is_asgi=True), SYNC) == choose(found, WARM, ASGI)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("cpus", [0.5, 1.0, 1.5])
@pytest.mark.parametrize(("memory", "carried"), [(128, 1), (256, 4), (512, 10)])  # floor((90 % - 12 - 2) / 40) - 1
def test_in_the_groups_of_either_version(tmp_path: Path, version: int, cpus: float, memory: int, carried: int) -> None:
    """Trees of files that stand for the kernel's; real groups are in tests/live/test_auto.py."""
    found = gather(container(tmp_path, version, cpus, memory), uid=1000, ours=0)
    sizing = choose(found, WARM, SYNC)
    by_cpu = math.ceil(2 * cpus) + 1
    assert sizing.workers == min(by_cpu, carried)
    assert f"bound by {'CPU' if by_cpu <= carried else 'memory'}" in sizing.lines[0]
    assert str(tmp_path) in text(sizing), "the file is named"


def container(root: Path, version: int, cpus: float, memory: int) -> Path:
    machine(root)
    quota, octets = int(cpus * 100_000), memory * MIB
    write(root, "proc/self/cgroup", "0::/site\n" if version == 2 else "2:cpu:/site\n1:memory:/site\n")
    if version == 2:
        write(root, "proc/self/mountinfo", "35 22 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
        write(root, "sys/fs/cgroup/site/cpu.max", f"{quota} 100000\n")
        write(root, "sys/fs/cgroup/site/memory.max", f"{octets}\n")
        write(root, "sys/fs/cgroup/site/memory.current", "0\n")
        return root
    mounts = [f"3{n} 22 0:3{n} / /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}" for n, name in enumerate(V1)]
    write(root, "proc/self/mountinfo", "\n".join([*mounts, ""]))
    write(root, "sys/fs/cgroup/cpu/site/cpu.cfs_quota_us", f"{quota}\n")
    write(root, "sys/fs/cgroup/cpu/site/cpu.cfs_period_us", "100000\n")
    write(root, "sys/fs/cgroup/memory/site/memory.limit_in_bytes", f"{octets}\n")
    write(root, "sys/fs/cgroup/memory/site/memory.usage_in_bytes", "0\n")
    return root
