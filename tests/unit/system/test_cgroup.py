"""Trees of files that stand for machines, as their kernels wrote them; and this machine, where it lets us."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prove.cells import remove
from tests.unit.system.machines import MIB, NO_LIMIT, write
from tonnage.system.cgroup import KILLS, Group, OomKills, find, memory_limit, memory_limits, memory_usage, oom_kills


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """Version 2: a systemd service in a slice."""
    write(tmp_path, "proc/self/cgroup", "0::/web.slice/site.service\n")
    write(
        tmp_path,
        "proc/self/mountinfo",
        "22 1 8:1 / / rw - ext4 /dev/root rw\n"
        "35 22 0:30 / /sys/fs/cgroup rw,nosuid shared:9 master:3 - cgroup2 cgroup2 rw,nsdelegate\n",
    )
    slice_, service = "sys/fs/cgroup/web.slice", "sys/fs/cgroup/web.slice/site.service"
    write(tmp_path, "sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n")  # the root group has no memory files
    write(tmp_path, f"{slice_}/memory.max", f"{256 * MIB}\n")
    write(tmp_path, f"{slice_}/memory.high", "max\n")
    write(tmp_path, f"{slice_}/memory.events", "low 0\nhigh 0\nmax 9\noom 4\noom_kill 4\n")
    write(tmp_path, f"{service}/memory.max", f"{512 * MIB}\n")
    write(tmp_path, f"{service}/memory.high", "max\n")
    write(tmp_path, f"{service}/memory.current", f"{100 * MIB}\n")
    write(tmp_path, f"{service}/memory.stat", f"anon 1\nfile 2\ninactive_file {30 * MIB}\nactive_file 3\n")
    write(tmp_path, f"{service}/memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\noom_group_kill 0\n")
    return tmp_path


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """Version 1: a container sees its own group as the top, though the path names it from the machine's."""
    write(tmp_path, "proc/self/cgroup", "12:pids:/docker/c1\n5:cpu,cpuacct:/docker/c1\n4:memory:/docker/c1\n")
    write(
        tmp_path,
        "proc/self/mountinfo",
        "40 39 0:31 /docker/c1 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
        "41 39 0:32 /docker/c1 /sys/fs/cgroup/mem\\040ory ro - cgroup cgroup rw,memory\n",
    )
    memory = "sys/fs/cgroup/mem ory"
    (tmp_path / "sys/fs/cgroup/cpu,cpuacct").mkdir(parents=True)
    write(tmp_path, f"{memory}/memory.limit_in_bytes", NO_LIMIT)
    write(tmp_path, f"{memory}/memory.usage_in_bytes", f"{90 * MIB}\n")
    write(
        tmp_path,
        f"{memory}/memory.stat",
        f"cache 1\ninactive_file 0\nhierarchical_memory_limit {128 * MIB}\ntotal_inactive_file {20 * MIB}\n",
    )
    write(tmp_path, f"{memory}/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    return tmp_path


@pytest.fixture
def hybrid(tmp_path: Path) -> Path:
    """Both are mounted; version 1 has the memory."""
    write(tmp_path, "proc/self/cgroup", "9:name=systemd:/\n4:memory:/site\n0::/elsewhere\n")
    write(
        tmp_path,
        "proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    )
    write(tmp_path, "sys/fs/cgroup/unified/elsewhere/memory.max", "1\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.oom_control", "oom_kill 1\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", NO_LIMIT)
    write(tmp_path, "sys/fs/cgroup/memory/site/memory.limit_in_bytes", f"{64 * MIB}\n")
    write(tmp_path, "sys/fs/cgroup/memory/site/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    return tmp_path


def test_version_2_has_one_path_for_every_controller(unified: Path) -> None:
    group = find("memory", unified)
    assert group == Group(2, unified / "sys/fs/cgroup/web.slice/site.service", unified / "sys/fs/cgroup")
    assert find("cpu", unified) == group


def test_the_lineage_ends_at_the_mount(unified: Path) -> None:
    group = find("memory", unified)
    assert group is not None
    assert [each.directory.name for each in group.lineage()] == ["site.service", "web.slice", "cgroup"]


def test_the_smallest_limit_binds_also_when_an_ancestor_has_it(unified: Path) -> None:
    group = find("memory", unified)
    assert group is not None
    assert [limit.octets // MIB for limit in memory_limits(group)] == [256, 512]
    assert memory_limit(group) == memory_limits(group)[0]
    assert memory_limits(group)[0].file == unified / "sys/fs/cgroup/web.slice/memory.max"


def test_a_limit_that_only_slows_down_binds_as_well(unified: Path) -> None:
    write(unified, "sys/fs/cgroup/web.slice/site.service/memory.high", f"{200 * MIB}\n")
    group = find("memory", unified)
    assert group is not None
    limit = memory_limit(group)
    assert limit is not None
    assert (limit.octets // MIB, limit.file.name) == (200, "memory.high")


@pytest.mark.parametrize("machine", ["unified", "container"])
def test_the_file_cache_that_can_go_is_no_use_of_memory(machine: str, request: pytest.FixtureRequest) -> None:
    group = find("memory", request.getfixturevalue(machine))
    assert group is not None
    usage = memory_usage(group)
    assert usage is not None
    assert usage.working_set == 70 * MIB


def test_a_container_of_version_1_is_found_below_its_own_mount(container: Path) -> None:
    group = find("memory", container)
    assert group is not None
    assert group.directory == group.top == container / "sys/fs/cgroup/mem ory"


def test_version_1_tells_of_limits_above_what_a_container_sees(container: Path) -> None:
    group = find("memory", container)
    assert group is not None
    assert [(limit.octets // MIB, limit.file.name) for limit in memory_limits(group)] == [(128, "memory.stat")]


def test_in_a_hybrid_the_version_that_has_the_controller_counts(hybrid: Path) -> None:
    group = find("memory", hybrid)
    assert group == Group(1, hybrid / "sys/fs/cgroup/memory/site", hybrid / "sys/fs/cgroup/memory")
    assert [limit.octets // MIB for limit in memory_limits(group)] == [64]


def test_a_controller_that_version_1_does_not_have_may_be_in_version_2(hybrid: Path) -> None:
    group = find("io", hybrid)
    assert group is not None
    assert group.directory == hybrid / "sys/fs/cgroup/unified/elsewhere"


def test_without_control_groups_there_is_none(tmp_path: Path) -> None:
    assert find("memory", tmp_path) is None
    assert oom_kills(tmp_path) is None


def test_a_group_that_cannot_be_seen_from_here_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/../other\n")
    write(tmp_path, "proc/self/mountinfo", "35 22 0:30 /mine /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    write(tmp_path, "sys/fs/cgroup/memory.max", "1\n")
    assert find("memory", tmp_path) is None


def test_a_machine_without_limits_has_none(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "proc/self/mountinfo", "35 22 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    group = find("memory", tmp_path)
    assert group is not None
    assert memory_limit(group) is None
    assert memory_usage(group) is None


# -- kills -------------------------------------------------------------------------------------------------------------


def test_kills_are_counted_since_it_was_last_asked(unified: Path) -> None:
    kills = oom_kills(unified)
    assert kills is not None
    assert kills.news() == 0  # the two of before are not news
    events = unified / "sys/fs/cgroup/web.slice/site.service/memory.events"
    events.write_text(events.read_text().replace("oom_kill 2", "oom_kill 5"))
    assert kills.news() == 3
    assert kills.news() == 0
    assert kills.file == events
    assert not kills.counts_the_whole_machine


def test_version_2_asks_the_nearest_ancestor_that_counts(unified: Path) -> None:
    (unified / "sys/fs/cgroup/web.slice/site.service/memory.events").unlink()  # the controller is not switched on there
    kills = oom_kills(unified)
    assert kills is not None
    assert kills.file == unified / "sys/fs/cgroup/web.slice/memory.events"


def test_version_1_counts_in_the_victims_group_only(hybrid: Path) -> None:
    kills = oom_kills(hybrid)
    assert kills is not None
    assert kills.file == hybrid / "sys/fs/cgroup/memory/site/memory.oom_control"
    kills.file.write_text("oom_kill_disable 0\nunder_oom 0\n")  # Linux before 4.13
    assert oom_kills(hybrid) is None


def test_without_a_group_the_machines_count_is_better_than_none(tmp_path: Path) -> None:
    write(tmp_path, "proc/vmstat", "nr_free_pages 1\noom_kill 3\n")
    kills = oom_kills(tmp_path)
    assert kills is not None
    assert kills.counts_the_whole_machine
    write(tmp_path, "proc/vmstat", "oom_kill 4\n")
    assert kills.news() == 1


def test_a_file_that_is_gone_is_said_to_be_and_may_come_back(unified: Path) -> None:
    kills = oom_kills(unified)
    assert kills is not None
    text = kills.file.read_text()
    kills.file.unlink()
    assert kills.news() is None
    kills.file.write_text(text)
    assert kills.news() == 0


# -- this machine ------------------------------------------------------------------------------------------------------


def test_what_this_machine_says_is_read_without_an_error() -> None:
    group = find("memory")
    if group is None:
        pytest.skip("this machine has no memory control groups")
    assert group.directory.is_dir()
    memory_limits(group)
    memory_usage(group)
    kills = oom_kills()
    assert kills is None or kills.news() is not None


@pytest.fixture
def cell() -> Iterator[Group]:
    """A real group of our own, with 48 MiB and no swap."""
    ours = find("memory")
    if ours is None:
        pytest.skip("this machine has no memory control groups")
    group = Group(ours.version, ours.directory / f"tonnage-test-{os.getpid()}", ours.top)
    try:
        group.directory.mkdir()
    except OSError as exc:
        pytest.skip(f"no control group can be made here: {exc}")
    try:
        limit = group.directory / ("memory.max" if group.version == 2 else "memory.limit_in_bytes")
        if not limit.exists():
            pytest.skip("memory is not delegated to groups made here")
        limit.write_text(str(48 * MIB))
        yield group
    finally:
        remove(group.directory)


GREEDY = """
import sys
from pathlib import Path
from tests.unit.system.machines import MIB, NO_LIMIT, write
from tonnage.system.cgroup import memory_limit, memory_usage, oom_kills, find

Path(sys.argv[1], "cgroup.procs").write_text("0")
group = find("memory")
print(group.directory, memory_limit(group).octets, memory_usage(group).octets > 0, flush=True)
sys.stdin.readline()
taken = []
while True:
    taken.append(b"x" * 1048576)
"""


def test_a_real_kill_of_the_kernel_is_counted_before_the_death_is_known(cell: Group) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", GREEDY, str(cell.directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        words = child.stdout.readline().split()
        assert words == [str(cell.directory), str(48 * MIB), "True"]
        kills = OomKills(cell.directory / KILLS[cell.version])
        assert kills.news() == 0
        child.communicate("go\n")
    assert child.returncode == -signal.SIGKILL
    assert kills.news() == 1
