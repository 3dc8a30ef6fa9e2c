from pathlib import Path

import pytest

from tests.unit.system.machines import write
from tonnage.system.filesystems import file_system


def mounts(root: Path, *lines: tuple[str, str]) -> None:
    text = "".join(f"{n} 1 0:{n} / {point} rw - {kind} none rw\n" for n, (point, kind) in enumerate(lines, 20))
    write(root, "proc/self/mountinfo", text)


def test_the_innermost_mount_counts_and_of_two_on_one_point_the_later(tmp_path: Path) -> None:
    inner = tmp_path / "in ner"
    inner.mkdir()
    mounts(tmp_path, ("/", "ext4"), (str(tmp_path), "overlay"), (str(inner).replace(" ", "\\040"), "xfs"))
    assert file_system(tmp_path, tmp_path).kind == "overlay"
    found = file_system(inner, tmp_path)
    assert (found.kind, found.mount, found.in_memory) == ("xfs", inner, False)
    mounts(tmp_path, ("/", "ext4"), (str(tmp_path), "overlay"), (str(tmp_path), "tmpfs"))
    found = file_system(inner, tmp_path)
    assert (found.kind, found.in_memory) == ("tmpfs", True)
    assert found.free_octets > 0


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    mounts(tmp_path, ("/", "ext4"), (str(tmp_path / "real"), "tmpfs"))
    assert file_system(tmp_path / "link", tmp_path).in_memory


def test_what_cannot_be_known(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path).kind == ""
    with pytest.raises(OSError, match="nowhere"):
        file_system(tmp_path / "nowhere", tmp_path)


def test_shared_memory_of_this_machine_is_memory() -> None:
    if not Path("/dev/shm").is_dir():
        pytest.skip("this machine has no /dev/shm")
    assert file_system(Path("/dev/shm")).in_memory
