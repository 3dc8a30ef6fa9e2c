from __future__ import annotations

import fcntl
import logging
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnage.errors import ConfigError
from tonnage.observe.lines import HELD, LineFile, end_of_piece, open_lines

Said = list[tuple[int, str]]


def lines_of(path: Path, said: Said | None = None) -> LineFile:
    return open_lines(
        str(path), 1, "accesslog", lambda level, text: None if said is None else said.append((level, text))
    )


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The disk has room for as many octets as the list's only number says."""
    room, write = [0], os.write

    def short(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        count = write(fd, data[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr("tonnage.observe.lines.os.write", short)
    return room


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old\n")
    file = lines_of(path)
    file.write(b"new\n")
    assert path.read_bytes() == b"old\nnew\n"
    assert not os.get_inheritable(file.fd)
    file.close()


def test_after_a_rotation_the_new_name_gets_the_lines_under_the_same_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = lines_of(path)
    file.write(b"before\n")
    path.rename(tmp_path / "log.1")
    file.write(b"between\n")
    fd = file.fd
    file.reopen()
    file.write(b"after\n")
    assert (file.fd, os.get_inheritable(file.fd)) == (fd, False)
    assert (tmp_path / "log.1").read_bytes() == b"before\nbetween\n"
    assert path.read_bytes() == b"after\n"
    file.close()


def test_a_file_that_cannot_be_reopened_is_kept_and_the_remedy_is_said(tmp_path: Path) -> None:
    said: Said = []
    path = tmp_path / "log"
    file = lines_of(path, said)
    path.unlink()
    path.mkdir()
    file.reopen()
    file.write(b"still here\n")
    assert os.fstat(file.fd).st_size == len(b"still here\n")
    assert [level for level, _ in said] == [logging.ERROR]
    assert "Is a directory" in said[0][1]
    assert "USR1" in said[0][1]
    file.close()


def test_a_relative_name_is_the_same_file_after_chdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = lines_of(Path("log"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    file.reopen()
    file.write(b"line\n")
    assert (tmp_path / "log").read_bytes() == b"line\n"
    file.close()


def test_the_standard_output_is_left_alone_by_reopen(capfd: pytest.CaptureFixture[str]) -> None:
    file = lines_of(Path("-"))
    file.reopen()
    file.write(b"line\n")
    file.close()
    os.fstat(1)
    assert capfd.readouterr().out == "line\n"


@pytest.mark.parametrize("path", ["missing/log", "."])
def test_a_file_that_cannot_be_written_is_refused_with_its_setting(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"accesslog = .* cannot be opened for writing: .* choose another"):
        lines_of(Path(path))


def test_a_closed_standard_output_is_refused_not_taken_for_whatever_has_its_number_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "__stdout__", None)
    with pytest.raises(ConfigError, match="standard output"):
        lines_of(Path("-"))


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, write = lines_of(tmp_path / "log"), os.write
    monkeypatch.setattr("tonnage.observe.lines.os.write", lambda fd, data: write(fd, data[:3]))
    file.write(b"one\ntwenty\n")
    assert (tmp_path / "log").read_bytes() == b"one\ntwenty\n"
    file.close()


def test_a_full_disk_is_said_once_and_the_lost_lines_are_counted(tmp_path: Path, full: list[int]) -> None:
    said: Said = []
    file = lines_of(tmp_path / "log", said)
    file.write(b"one\ntwo\n")
    file.write(b"three\n")
    assert len(said) == 1
    assert "No space left on device" in said[0][1]
    full[0] = 1000
    file.write(b"four\n")
    file.write(b"five\n")
    assert said[1:] == [(logging.WARNING, f"accesslog {tmp_path / 'log'}: can be written again; 3 lines were lost")]
    assert (tmp_path / "log").read_bytes() == b"four\nfive\n"
    file.close()


def test_a_line_cut_by_a_full_disk_is_not_glued_to_the_next(tmp_path: Path, full: list[int]) -> None:
    said: Said = []
    file = lines_of(tmp_path / "log", said)
    full[0] = 6
    file.write(b"one\ntwo\nthree\n")
    file.write(b"four\n")
    full[0] = 1000
    file.write(b"five\n")
    assert (tmp_path / "log").read_bytes() == b"one\ntw\nfive\n"
    assert said[-1][1].endswith("3 lines were lost")
    file.close()


def test_a_file_that_is_new_after_a_full_disk_begins_with_a_line(tmp_path: Path, full: list[int]) -> None:
    file = lines_of(tmp_path / "log")
    full[0] = 2
    file.write(b"one\n")
    (tmp_path / "log").rename(tmp_path / "log.1")
    file.reopen()
    full[0] = 1000
    file.write(b"two\n")
    assert (tmp_path / "log").read_bytes() == b"two\n"
    file.close()


def pipe(said: Said) -> tuple[int, LineFile]:
    """A pipe that does not block, with room for one page."""
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(into, False)
    os.set_blocking(out, False)
    return out, LineFile(into, "accesslog pipe", lambda level, text: said.append((level, text)))


def test_what_a_reader_has_no_room_for_waits_and_nothing_is_lost() -> None:
    said: Said = []
    out, file = pipe(said)
    line = b"x" * 1999 + b"\n"
    for _ in range(5):
        file.write(line)
    assert len(file.held) == 3 * len(line)
    read = os.read(out, 1 << 20)
    while file.held:
        file.write(b"")
        read += os.read(out, 1 << 20)
    assert read == 5 * line
    assert said == []
    os.close(out)
    os.close(file.fd)


def test_a_reader_that_sleeps_costs_a_bounded_buffer_then_lines() -> None:
    said: Said = []
    out, file = pipe(said)
    line = b"x" * 999 + b"\n"
    written = HELD // len(line) + 100
    for _ in range(written):
        file.write(line)
    assert len(file.held) <= HELD
    assert "does not keep up" in said[0][1]
    read = b""
    while file.held:
        read += os.read(out, 1 << 20)
        file.write(b"")
    read += os.read(out, 1 << 20)
    assert set(read.splitlines(keepends=True)) == {line}
    assert said[1:] == [
        (logging.WARNING, f"accesslog pipe: can be written again; {written - len(read) // len(line)} lines were lost")
    ]
    os.close(out)
    os.close(file.fd)


def test_a_reader_that_is_gone_costs_lines_only() -> None:
    said: Said = []
    out, file = pipe(said)
    os.close(out)
    file.write(b"line\n")
    file.write(b"line\n")
    assert [level for level, _ in said] == [logging.ERROR]
    os.close(file.fd)


@given(st.lists(st.integers(0, 9_000), max_size=20))
def test_pieces_are_whole_lines_that_a_pipe_keeps_together(lengths: list[int]) -> None:
    lines = [b"x" * length + b"\n" for length in lengths]
    whole, pieces, start = b"".join(lines), [], 0
    while start < len(whole):
        end = end_of_piece(whole, start)
        pieces.append(whole[start:end])
        start = end
    assert b"".join(pieces) == whole
    for piece in pieces:
        assert piece.endswith(b"\n")
        assert len(piece) <= select.PIPE_BUF or piece.count(b"\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_file_belongs_to_the_user_of_the_workers_so_that_they_can_reopen_it(tmp_path: Path) -> None:
    file = open_lines(str(tmp_path / "log"), 1, "accesslog", lambda _level, _text: None, owner=(12345, 12346))
    (tmp_path / "log").unlink()
    file.reopen()
    status = (tmp_path / "log").stat()
    assert (status.st_uid, status.st_gid) == (12345, 12346)
    file.close()
    device = Path("/dev/null").stat()
    open_lines("/dev/null", 1, "accesslog", lambda _level, _text: None, owner=(12345, 12346)).close()
    assert Path("/dev/null").stat().st_uid == device.st_uid


PROCESS = """
import sys
from tonnage.observe.lines import open_lines

file = open_lines(sys.argv[1], 1, "accesslog", print)
print(flush=True)
sys.stdin.read()
for _ in range(50):
    file.write(b"".join(sys.argv[2].encode() * (100 + k) + b"\\n" for k in range(100)))
"""


def test_lines_of_many_processes_stay_whole(tmp_path: Path) -> None:
    """Each with the file opened for itself, all at once, in writes of many lines."""
    path, count = tmp_path / "log", 6
    commands = [[sys.executable, "-c", PROCESS, str(path), str(number)] for number in range(count)]
    processes = [subprocess.Popen(each, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for each in commands]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()  # go
    for process in processes:
        with process:
            assert process.wait() == 0
    lines = path.read_bytes().splitlines()
    assert len(lines) == count * 50 * 100
    for line in lines:
        assert len(set(line)) == 1
        assert 100 <= len(line) < 200
