import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tonnage.errors import PidFileError
from tonnage.system.pidfile import PidFile, holder_of

CLAIM = """
import sys
from pathlib import Path
from tonnage.system.pidfile import PidFile
PidFile(Path(sys.argv[1])).claim()
print("claimed", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "server.pid"


def claim_elsewhere(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "claimed\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()


def test_it_holds_our_pid_until_released(path: Path) -> None:
    pidfile = PidFile(path)
    pidfile.claim()
    assert path.read_text() == f"{os.getpid()}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    pidfile.release()
    assert list(path.parent.iterdir()) == []
    pidfile.release()


def test_a_file_of_a_running_server_is_refused(path: Path) -> None:
    other = claim_elsewhere(path)
    with pytest.raises(PidFileError, match=f"belongs to process {other.pid}, which is running"):
        PidFile(path).claim()
    assert path.read_text() == f"{other.pid}\n"
    end(other)


def test_a_file_of_a_dead_server_is_taken_over(path: Path) -> None:
    other = claim_elsewhere(path)
    end(other)
    assert path.exists()
    pidfile = PidFile(path)
    pidfile.claim()
    assert path.read_text() == f"{os.getpid()}\n"
    pidfile.release()


def test_a_pid_that_was_used_again_does_not_block(path: Path) -> None:
    """The file is older than the process that has its number now, so that process cannot have written it."""
    path.write_text("1\n")
    assert holder_of(path) == 1
    os.utime(path, (1e9, 1e9))
    assert holder_of(path) is None


def test_a_program_that_takes_no_lock_is_believed_while_it_lives(path: Path) -> None:
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(PidFileError, match=f"belongs to process {os.getppid()}"):
        PidFile(path).claim()


@pytest.mark.parametrize("text", ["", "nonsense\n", "-1\n", "0\n", "999999999\n", "9" * 40, "our own"])
def test_a_file_that_names_nobody_else_is_taken_over(path: Path, text: str) -> None:
    path.write_text(text.replace("our own", f"{os.getpid()}\n"))
    assert holder_of(path) is None


def test_a_missing_file_names_nobody(path: Path) -> None:
    assert holder_of(path) is None


def test_the_lock_is_held_even_if_the_clock_was_wrong(path: Path) -> None:
    other = claim_elsewhere(path)
    os.utime(path, (1e9, 1e9))
    assert holder_of(path) == other.pid
    end(other)


def test_a_file_that_is_no_longer_ours_is_left_alone(path: Path) -> None:
    pidfile = PidFile(path)
    pidfile.claim()
    path.unlink()
    path.write_text("4711\n")
    pidfile.release()
    assert path.read_text() == "4711\n"


def test_a_file_that_somebody_removed_is_no_trouble(path: Path) -> None:
    pidfile = PidFile(path)
    pidfile.claim()
    path.unlink()
    pidfile.release()


def test_a_child_that_forgets_it_does_not_free_it(path: Path) -> None:
    pidfile = PidFile(path)
    pidfile.claim()
    if (pid := os.fork()) == 0:
        pidfile.forget()
        os._exit(0)
    os.waitpid(pid, 0)
    probe = subprocess.run(
        [sys.executable, "-c", CLAIM, str(path)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert f"belongs to process {os.getpid()}" in probe.stderr
    pidfile.release()


def test_a_change_of_directory_does_not_move_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pidfile = PidFile(Path("server.pid"))
    pidfile.claim()
    monkeypatch.chdir("/")
    pidfile.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [Path("/nowhere/at/all.pid"), Path("/dev/null/x.pid")])
def test_a_place_that_cannot_be_written_is_refused_with_its_name(path: Path) -> None:
    with pytest.raises(PidFileError, match=f"cannot write pid file {path}"):
        PidFile(path).claim()


def test_a_directory_in_its_place_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(PidFileError):
        PidFile(tmp_path / "taken").claim()
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
