"""What binds is named with the file that says so, on machines of every kind."""

import math
import os
from pathlib import Path

import pytest

from tests.unit.system.machines import MIB, hybrid, machine, version_1, version_2, write
from tonnage.capacity.facts import Bound, Facts, gather

GIB = 1024 * MIB


def facts(root: Path, *, uid: int = 1000, ours: int = 0) -> Facts:
    return gather(root, uid=uid, ours=ours)


def test_without_control_groups_the_machine_is_the_limit(tmp_path: Path) -> None:
    found = facts(machine(tmp_path))
    assert (found.cpus, found.cpus_bound_by) == (8, "online")
    assert found.memory_limit == 16 * GIB
    assert found.memory_room == 12 * GIB  # what is available
    assert found.throttling == ()


def test_affinity_below_what_is_online_binds(tmp_path: Path) -> None:
    found = facts(machine(tmp_path, affinity="0,2-3"))
    assert (found.cpus, found.cpus_bound_by) == (3, "affinity")


def test_the_smallest_quota_of_all_ancestors_binds_as_a_fraction(tmp_path: Path) -> None:
    found = facts(version_2(tmp_path))
    assert (found.cpus, found.cpus_bound_by) == (2.5, "quota")
    assert [(term.limit, term.name) for term in found.cpu.terms] == [
        (2.5, "quota"),
        (4.0, "quota"),
        (8, "online"),
        (8, "cpuset"),
        (8, "affinity"),
    ]
    assert found.cpu.terms[0].source.endswith("web.slice/cpu.max")


def test_a_quota_of_half_a_cpu_in_version_1(tmp_path: Path) -> None:
    found = facts(version_1(tmp_path))
    assert (found.cpus, found.cpus_bound_by) == (0.5, "quota")
    runner_up = found.cpu.runner_up
    assert runner_up is not None
    assert (runner_up.limit, runner_up.name) == (2, "cpuset")  # which is what to widen, affinity only follows it


def test_in_a_hybrid_each_controller_is_asked_where_it_is(tmp_path: Path) -> None:
    found = facts(hybrid(tmp_path))
    assert (found.cpus, found.cpus_bound_by) == (1.5, "quota")
    assert found.memory_limit == 256 * MIB


def test_memory_binds_where_least_is_left_not_where_the_limit_is_least(tmp_path: Path) -> None:
    root = version_2(tmp_path)
    found = facts(root)
    assert found.memory_limit == 512 * MIB
    assert found.memory_room == 162 * MIB  # 512 less 350 of the siblings; 50 of 400 are cache that can go
    write(root, "sys/fs/cgroup/web.slice/site.service/memory.max", f"{200 * MIB}\n")
    found = facts(root)
    assert (found.memory_limit // MIB, found.memory_room // MIB) == (200, 140)
    write(root, "sys/fs/cgroup/web.slice/memory.current", f"{500 * MIB}\n")
    assert facts(root).memory_limit == 512 * MIB


def test_what_this_server_holds_itself_is_not_taken_by_others(tmp_path: Path) -> None:
    assert facts(version_2(tmp_path), ours=50 * MIB).memory_room == 212 * MIB
    assert facts(version_2(tmp_path), ours=900 * MIB).memory_room == 512 * MIB


def test_tasks_bind_where_the_least_room_is(tmp_path: Path) -> None:
    root = version_2(tmp_path)
    found = facts(root)
    assert [(term.name, term.room) for term in found.tasks.terms] == [
        ("pids.max", 88),
        ("RLIMIT_NPROC", 500),
        ("kernel.pid_max", 32768 - 345),
        ("kernel.threads-max", 100000 - 345),
    ]
    for pid, uid, threads in ((10, 1000, 450), (11, 1001, 40)):
        write(root, f"proc/{pid}/status", f"Name:\tx\nUid:\t{uid}\t0\t0\t0\nThreads:\t{threads}\n")
    least = facts(root).tasks.binding
    assert least is not None
    assert (least.name, least.room) == ("RLIMIT_NPROC", 50)


@pytest.mark.parametrize(("uid", "capabilities"), [(0, 0), (1000, 1 << 24)])
def test_root_and_its_powers_are_exempt_from_the_users_limit(tmp_path: Path, uid: int, capabilities: int) -> None:
    root = machine(tmp_path)
    write(root, "proc/self/status", f"CapEff:\t{capabilities:016x}\nCpus_allowed_list:\t0\n")
    assert "RLIMIT_NPROC" not in {term.name for term in facts(root, uid=uid).tasks.terms}


def test_files_ports_and_queues(tmp_path: Path) -> None:
    found = facts(machine(tmp_path))
    assert (found.nofile_soft.value, found.nofile_hard.value) == (1024, 524288)
    assert found.somaxconn.value == 4096
    assert found.ephemeral_ports.value == 28232


def test_throttling_is_told_for_each_group_with_a_quota(tmp_path: Path) -> None:
    assert [(each.throttled, each.seconds) for each in facts(version_2(tmp_path / "2")).throttling] == [
        (0, 0),
        (20, 3.5),
    ]
    assert [(each.throttled, each.seconds) for each in facts(version_1(tmp_path / "1")).throttling] == [(4, 2.0)]


def test_pressure_is_our_groups_where_there_is_one(tmp_path: Path) -> None:
    root = version_2(tmp_path)
    write(root, "proc/pressure/memory", "some avg10=1.00 avg60=2.00 avg300=0.00 total=3000000\n")
    found = facts(root).pressures
    assert found.cpu is not None
    assert (found.cpu.some_10s, found.cpu.some_60s, found.cpu.total_s) == (7.5, 3.25, 1.5)
    assert found.memory is not None
    assert (found.memory.some_60s, found.memory.file.name) == (2.0, "memory")
    assert found.io is None


def test_where_nothing_can_be_read_nothing_is_claimed(tmp_path: Path) -> None:
    found = facts(tmp_path)
    assert found.cpus == os.cpu_count()
    assert found.memory == found.tasks == Bound(())
    assert found.memory.room == math.inf
    assert found.memory_limit == 0
    assert found.somaxconn.value is found.ephemeral_ports.value is found.nofile_soft.value is None


def test_this_machine() -> None:
    found = gather()
    assert 0 < found.cpus <= (os.cpu_count() or 1)
    assert found.cpus <= len(os.sched_getaffinity(0))
    assert 0 < found.memory_room <= found.memory_limit
    assert found.tasks.room > 0
    assert found.temporary is not None
    assert found.temporary.free_octets > 0


@pytest.mark.parametrize("asked", [7, 1 << 20])
def test_the_backlog_is_what_the_kernel_made_of_it(asked: int) -> None:
    found = gather(backlog=asked)
    assert found.somaxconn.value is not None
    assert found.backlog_tcp.value == found.backlog_unix.value == min(asked, found.somaxconn.value)
