"""A real quota, and real pids.max, in groups made for it where this machine lets us."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prove.cells import remove
from tests.unit.system.machines import hybrid, machine, version_1, version_2, write
from tonnage.system import cgroup, cpus, tasks
from tonnage.system.cgroup import Group

LOOK = """
import os, sys
from pathlib import Path
from tonnage.system import cpus, tasks
Path(sys.argv[1], "cgroup.procs").write_text("0")
limits = cpus.limits()
print(cpus.usable(), limits[0].name, limits[0].file)
least = tasks.limits(os.geteuid())[0]
print(least.name, least.most, least.used, least.file)
"""


@contextmanager
def group(controller: str, *path: str) -> Iterator[Group]:
    """Made below ours, one in another; removed again."""
    ours = cgroup.find(controller)
    if ours is None:
        pytest.skip(f"this machine has no {controller} control groups")
    directories: list[Path] = []
    directory = ours.directory
    try:
        for name in path:
            directory /= f"{name}-{os.getpid()}"
            directory.mkdir()
            directories.append(directory)
        yield Group(ours.version, directory, ours.top)
    except OSError as exc:
        if exc.errno not in {errno.EACCES, errno.EROFS}:
            raise
        pytest.skip(f"no control group can be made here: {exc}")
    finally:
        for made in reversed(directories):
            remove(made)


def seen_in(place: Group) -> list[list[str]]:
    command = [sys.executable, "-c", LOOK, str(place.directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split(" ", 3 if "pids" in line else 2) for line in done.stdout.splitlines()]


def limit(directory: Path, version: int, cpus: float) -> Path:
    """Returns the file that says so."""
    if version == 2:
        file = directory / "cpu.max"
        if not file.exists():
            pytest.skip("cpu is not delegated to groups made here")
        file.write_text(f"{int(cpus * 100000)} 100000")
        return file
    (directory / "cpu.cfs_period_us").write_text("100000")
    file = directory / "cpu.cfs_quota_us"
    file.write_text(str(int(cpus * 100000)))
    return file


def test_a_real_quota_of_an_ancestor_binds() -> None:
    with group("cpu", "tonnage-above", "within") as place:
        file = limit(place.directory.parent, place.version, 0.5)
        usable, name, source = seen_in(place)[0]
        assert (usable, name, source) == ("0.5", "quota", str(file))


def test_a_real_quota_within_a_quota() -> None:
    with group("cpu", "tonnage-above", "within") as place:
        limit(place.directory.parent, place.version, 1.5)
        file = limit(place.directory, place.version, 0.25)
        assert seen_in(place)[0] == ["0.25", "quota", str(file)]


def test_a_real_limit_of_processes() -> None:
    with group("pids", "tonnage-above", "within") as place:
        file = place.directory.parent / "pids.max"
        if not file.exists():
            pytest.skip("pids is not delegated to groups made here")
        file.write_text("77")
        name, most, used, source = seen_in(place)[1]
        assert (name, most, source) == ("pids.max", "77", str(file))
        assert int(used) >= 1


def test_a_period_of_any_length(tmp_path: Path) -> None:
    root = version_1(tmp_path)
    write(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "20000\n")
    assert cpus.usable(root) == 2  # the cpuset: a quota of 2.5 says no more
    write(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "0\n")
    assert cpus.usable(root) == 2


@pytest.mark.parametrize("text", ["max 100000\n", "", "nonsense\n"])
def test_a_quota_that_is_none(tmp_path: Path, text: str) -> None:
    root = version_2(tmp_path)
    for name in ("web.slice", "web.slice/site.service"):
        write(root, f"sys/fs/cgroup/{name}/cpu.max", text)
    assert cpus.usable(root) == 8
    assert list(cpus.quotas(root)) == []
    assert cpus.throttling(root) == []


def test_version_1_counts_waiting_in_nanoseconds_and_version_2_in_microseconds(tmp_path: Path) -> None:
    assert [each.seconds for each in cpus.throttling(version_1(tmp_path / "1"))] == [2.0]
    assert [each.seconds for each in cpus.throttling(version_2(tmp_path / "2"))] == [0.0, 3.5]
    assert cpus.throttling(hybrid(tmp_path / "3")) == []  # no cpu.stat there


@pytest.mark.parametrize(("ranges", "count"), [("0", 1), ("0-3,8,10-11", 7), ("0-127", 128)])
def test_ranges_of_cpus(tmp_path: Path, ranges: str, count: int) -> None:
    assert cpus.usable(machine(tmp_path, ranges)) == count


def test_without_files_python_is_asked(tmp_path: Path) -> None:
    assert cpus.limits(tmp_path) == []
    assert cpus.usable(tmp_path) == os.cpu_count()


def test_tasks_of_a_user_are_counted_over_the_whole_machine(tmp_path: Path) -> None:
    root = machine(tmp_path)
    for pid, uid, threads in ((10, 1000, 450), (11, 1001, 40), (12, 1000, 5)):
        write(root, f"proc/{pid}/status", f"Name:\tx\nUid:\t{uid}\t0\t0\t0\nThreads:\t{threads}\n")
    (root / "proc/13").mkdir()  # it ended while we looked
    assert [each.used for each in tasks.limits(1000, root) if each.name == "RLIMIT_NPROC"] == [455]
