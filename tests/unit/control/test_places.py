"""Whose socket is where. `root` stands for /; the directories are real, with real owners and bits."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tonnage.control import places
from tonnage.control.places import find, for_server, is_safe, prepare

UID = os.geteuid()


def bind(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    return sock


def test_a_servers_socket_is_called_by_its_pid() -> None:
    environ = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    assert list(map(str, for_server(42, 1000, environ))) == [
        "/run/user/1000/tonnage/42.ctl",
        "/tmp/tonnage-1000/42.ctl",
    ]
    assert list(map(str, for_server(42, 1000, {}))) == ["/tmp/tonnage-1000/42.ctl"]


def test_roots_is_where_it_survives_a_log_out() -> None:
    paths = for_server(42, 0, {"XDG_RUNTIME_DIR": "/run/user/0"})
    assert list(map(str, paths)) == ["/run/tonnage/42.ctl", "/run/user/0/tonnage/42.ctl", "/tmp/tonnage-0/42.ctl"]


def test_a_directory_is_made_for_us_alone(tmp_path: Path) -> None:
    os.umask(os.umask(0o077))
    prepare(tmp_path / "tonnage")
    assert (tmp_path / "tonnage").stat().st_mode & 0o777 == 0o700
    prepare(tmp_path / "tonnage")


def test_a_directory_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="others may write"):
        prepare(tmp_path)


def test_a_link_is_not_followed_to_who_knows_where(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    assert is_safe(tmp_path / "real", UID)
    assert not is_safe(tmp_path / "link", UID)
    assert not is_safe(tmp_path / "missing", UID)


@pytest.mark.skipif(UID != 0, reason="only root can give files away")
def test_a_directory_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    os.chown(tmp_path / "theirs", 1234, 1234)
    assert is_safe(tmp_path / "theirs", 1234)
    assert not is_safe(tmp_path / "theirs", 0)


def test_what_a_killed_server_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()  # its pid is nobody's now
    with bind(tmp_path / f"{child.pid}.ctl"), bind(tmp_path / f"{os.getpid()}.ctl"), bind(tmp_path / "own.ctl"):
        pass
    with bind(tmp_path / "listening") as alive:  # as in another pid namespace: the pid says dead, the socket alive
        alive.listen()
        (tmp_path / "listening").rename(tmp_path / f"{2**22 + 1}.ctl")
        (tmp_path / "note").write_text("")
        prepare(tmp_path)
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"{os.getpid()}.ctl", "own.ctl", f"{2**22 + 1}.ctl", "note"}


def test_one_is_found_wherever_its_server_thought_best(tmp_path: Path) -> None:
    places = {1: f"run/user/{UID}/tonnage", 2: "home/run/tonnage", 3: f"tmp/tonnage-{UID}"}
    for pid, place in places.items():
        (tmp_path / place).mkdir(parents=True, mode=0o700)
        bind(tmp_path / place / f"{pid}.ctl").close()
    (tmp_path / f"tmp/tonnage-{UID}/4.ctl").write_text("no socket")
    bind(tmp_path / f"tmp/tonnage-{UID}/name.ctl").close()
    found = find(UID, {"XDG_RUNTIME_DIR": "/home/run"}, tmp_path)
    assert found == {pid: tmp_path / place / f"{pid}.ctl" for pid, place in places.items()}


@pytest.mark.skipif(UID != 0, reason="only root can give files away")
def test_root_finds_everybodys_where_only_they_can_have_put_it(tmp_path: Path) -> None:
    for pid, place, owner in ((5, "tmp/tonnage-33", 33), (6, "tmp/tonnage-34", 33), (7, "run/user/35/tonnage", 35)):
        (tmp_path / place).mkdir(parents=True, mode=0o700)
        bind(tmp_path / place / f"{pid}.ctl").close()
        os.chown(tmp_path / place, owner, owner)
    assert set(find(0, {}, tmp_path)) == {5, 7}
    assert set(find(33, {}, tmp_path)) == {5}


# -- where nothing can be written --------------------------------------------------------------------------------------


def test_abstract_names_are_found_by_whom_they_concern(tmp_path: Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    names = ["@tonnage-7-100", "@tonnage-8-101", "@tonnage-x-102", "@tonnage-7", "/run/tonnage/5.ctl", "@other-7-9"]
    rows = [f"0000000000000000: 00000002 00000000 00010000 0001 01 {n} {name}" for n, name in enumerate(names)]
    (tmp_path / "proc/net/unix").write_text("\n".join(["Num RefCount Protocol Flags Type St Inode Path", *rows, ""]))
    assert places.find(7, {}, tmp_path) == {100: Path("@tonnage-7-100")}
    assert places.find(0, {}, tmp_path) == {100: Path("@tonnage-7-100"), 101: Path("@tonnage-8-101")}
    assert places.find(9, {}, tmp_path) == {}


@pytest.mark.parametrize(
    ("uid", "peer", "believed"),
    [(7, 7, True), (7, 0, True), (7, 8, False), (0, 7, True), (0, 8, False), (0, 0, True)],
)
def test_an_abstract_name_is_believed_of_its_user_and_of_root(uid: int, peer: int, believed: bool) -> None:
    assert places.may_answer(Path("@tonnage-7-100"), uid, peer) is believed


def test_an_abstract_name_is_one_for_the_kernel_too() -> None:
    assert places.address(places.abstract(100, 7)) == "\0tonnage-7-100"
    assert places.address(Path("/run/x")) == "/run/x"
