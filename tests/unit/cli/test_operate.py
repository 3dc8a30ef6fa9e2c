"""status, reload, stop and upgrade, against a process that answers as a supervisor does."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.cli import actor
from tonnage.cli import upgrade
from tonnage.cli.main import main

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start one: its part, and where its socket is named to be."""
    monkeypatch.setattr(os, "geteuid", lambda: actor.UID)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(upgrade, "GLANCE_S", 0.0)
    started: list[subprocess.Popen[str]] = []

    def begin(part: str = "", place: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, actor.__file__, part, place]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A command's exit code, and what it prints."""

    def command(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(words)
        return code, *capfd.readouterr()

    return command


Run = Callable[..., tuple[int, str, str]]


# -- which one ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "reload", "reopen", "stop", "upgrade"])
def test_where_nothing_runs_that_is_what_is_said(start: Start, run: Run, command: str) -> None:
    code, out, err = run(command)
    assert (code, out) == (1, "")
    assert err.startswith("tonnage: no running server of this user is found; name one with --control-socket or --pid")


def test_the_only_one_needs_no_name(start: Start, run: Run) -> None:
    server = start()
    assert f"supervisor {server.pid} " in run("status")[1]


def test_of_two_none_is_guessed_and_both_are_listed(start: Start, run: Run, tmp_path: Path) -> None:
    first, second = start(), start()
    code, _, err = run("stop")
    assert code == 1
    assert "2 servers run here" in err
    for server in (first, second):
        assert f"--control-socket {tmp_path}/run/tonnage/{server.pid}.ctl   pid {server.pid}, http://127.0.0.1:" in err
        assert server.poll() is None


def test_one_that_was_killed_does_not_count(start: Start, run: Run) -> None:
    dead, alive = start(), start()
    dead.kill()
    dead.wait()
    assert f"supervisor {alive.pid} " in run("status")[1]


def test_a_pid_file_names_one(start: Start, run: Run, tmp_path: Path) -> None:
    start()
    server = start()
    (tmp_path / "site.pid").write_text(f"{server.pid}\n")
    assert f"supervisor {server.pid} " in run("status", "--pid", "site.pid")[1]


def test_so_does_the_configuration_in_this_directory(start: Start, run: Run, tmp_path: Path) -> None:
    start()
    server = start(place=str(tmp_path / "site.sock"))
    (tmp_path / "gunicorn.conf.py").write_text("control_socket = 'site.sock'\n")
    assert f"supervisor {server.pid} " in run("status")[1]
    (tmp_path / "gunicorn.conf.py").rename(tmp_path / "other.py")
    assert f"supervisor {server.pid} " in run("status", "-c", "other.py")[1]


def test_what_the_command_line_names_is_meant_whatever_the_file_says(start: Start, run: Run, tmp_path: Path) -> None:
    named, other = start(), start(place=str(tmp_path / "site.sock"))
    (tmp_path / "gunicorn.conf.py").write_text("control_socket = 'site.sock'\n")
    (tmp_path / "site.pid").write_text(f"{named.pid}\n")
    assert f"supervisor {named.pid} " in run("status", "-p", "site.pid")[1]
    assert f"supervisor {other.pid} " in run("status")[1]


def test_one_that_is_named_and_not_there_is_not_replaced_by_another(start: Start, run: Run, tmp_path: Path) -> None:
    server = start()
    for words in (["--control-socket", "no.sock"], ["--pid", "no.pid"]):
        code, _, err = run("stop", *words)
        assert code == 1
        assert str(tmp_path / words[1]) in err
    (tmp_path / "old.pid").write_text("4194303\n")
    assert "is left over" in run("stop", "--pid", "old.pid")[2]
    assert server.poll() is None


def test_a_process_without_a_socket_is_reached_by_signals(start: Start, run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.pid").write_text(f"{os.getppid()}\n")
    code, _, err = run("reload", "--pid", "other.pid")
    assert code == 1
    assert f"process {os.getppid()} has no control socket" in err
    assert "HUP reloads" in err


def test_a_socket_of_another_process_is_not_believed(start: Start, run: Run, tmp_path: Path) -> None:
    server = start()
    path = tmp_path / f"run/tonnage/{server.pid}.ctl"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as ours:
        ours.bind(str(path))
        ours.listen()
        (tmp_path / "site.pid").write_text(f"{server.pid}\n")
        assert f"is answered by process {os.getpid()}, not by {server.pid}" in run("stop", "-p", "site.pid")[2]


def test_settings_that_cannot_be_read_do_not_keep_anybody_from_looking(start: Start, run: Run, tmp_path: Path) -> None:
    server = start()
    (tmp_path / "gunicorn.conf.py").write_text("workers = = 3\n")
    code, out, err = run("status")
    assert code == 0
    assert f"supervisor {server.pid} " in out
    assert "the settings here cannot be read, the server is looked for without: gunicorn.conf.py:1: SyntaxError" in err


def test_a_number_is_no_pid_file(run: Run) -> None:
    code, _, err = run("stop", "--pid", "4711")
    assert code == 1
    assert "4711 does not exist: no server; --pid takes the path of such a file, not a number" in err


def test_an_application_does_not_name_a_server(run: Run) -> None:
    code, _, err = run("stop", "mysite.wsgi")
    assert code == 2
    assert "'mysite.wsgi': a running server is not called by its application" in err


# -- status ------------------------------------------------------------------------------------------------------------


QUEUE = "2 in the accept queue (7 at most within the last minute), which holds 2048"
NOW = "GET /a\\x1b[2J (3.2 s) and 1 more"


def test_status_is_a_page_to_read(start: Start, run: Run) -> None:
    server = start()
    code, out, _ = run("status")
    assert code == 0
    assert out.splitlines() == [
        f"supervisor {server.pid} (tonnage 0.1.0): serving for 3 h 12 min, generation 1, 2 of 2 workers ready",
        f"listening at http://127.0.0.1:8000: {QUEUE}",
        "listening at unix:/run/s",
        "12.5 requests/s, p50 480 us, p95 12.5 ms, p99 1.25 s; queued p95 0 us",
        "2 in flight, threads 25% busy, 0.50 of 2 CPUs, headroom 75%",
        "capped by workers for 1 min 30 s: all of them are busy; --workers 3",
        "",
        "PID   SLOT  GEN  STATE  UP         REQUESTS  REQ/S  P95      BUSY  MEMORY    CONNECTIONS  NOW",
        " 101     0    1  ready  2 min 5 s     90210   12.5  12.5 ms   25%  20.0 MiB            5  " + NOW,
        "9102     1    1  ready      7.0 s         3    0.0     0 us    0%  -                   0  -",
    ]


def test_status_is_an_object_for_programs(start: Start, run: Run) -> None:
    server = start()
    code, out, _ = run("status", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["pid"], found["generation"], found["uptime_s"]) == (server.pid, 1, 11520.0)
    assert found["workers"][0]["in_flight"][0] == {"line": "GET /a\x1b[2J", "age_s": 3.25}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (90061, "1 d 1 h")],
)
def test_durations_are_two_units(seconds: float, text: str) -> None:
    from tonnage.cli.figures import duration

    assert duration(seconds) == text


# -- workers, reopen, top ----------------------------------------------------------------------------------------------


def test_workers_are_added_and_removed(start: Start, run: Run) -> None:
    start()
    assert run("workers", "add")[:2] == (0, "2 -> 3 workers wanted; 2 ready now\n")
    assert run("workers", "add", "4")[:2] == (0, "3 -> 7 workers wanted; 2 ready now\n")
    assert run("workers", "remove", "2")[:2] == (0, "7 -> 5 workers wanted; 2 ready now\n")
    code, out, err = run("workers", "remove", "9")
    assert (code, out) == (1, "5 -> 1 workers wanted; 2 ready now\n")
    assert "there is one worker at least" in err


@pytest.mark.parametrize("words", [[], ["ad"], ["add", "0"], ["add", "-1"], ["add", "two"], ["remove", "1001"], ["2"]])
def test_how_many_workers_must_be_said_clearly(start: Start, run: Run, words: list[str]) -> None:
    start()
    code, out, err = run("workers", *words)
    assert (code, out) == (2, "")
    assert "tonnage workers " in err


def test_logs_are_reopened(start: Start, run: Run) -> None:
    start()
    assert run("reopen") == (0, "the log files are opened again\n", "")


def test_top_needs_a_terminal_and_names_the_remedy(start: Start, run: Run) -> None:
    start()
    code, out, err = run("top")
    assert (code, out) == (2, "")
    assert "`tonnage status` prints the same once" in err


# -- reload ------------------------------------------------------------------------------------------------------------


def test_a_reload_shows_what_happens_and_how_it_ended(start: Start, run: Run) -> None:
    start()
    code, out, err = run("reload")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[-2:] == ["Booting worker with pid: 7\\x1b[31m", "reloaded: generation 2 serves"]


def test_a_reload_that_is_to_bake_is_over_when_the_generation_has_proved_itself(start: Start, run: Run) -> None:
    start("bakes")
    code, out, _ = run("reload", "--wait-bake")
    assert code == 0
    assert out.splitlines()[-1] == "reloaded: generation 2 has served for 5 s"
    start("bakes").kill()


@pytest.mark.parametrize(("part", "why"), [("fails", "App failed to load"), ("refuses", "gunicorn.conf.py:1")])
def test_a_reload_that_came_to_nothing_exits_with_the_reason(start: Start, run: Run, part: str, why: str) -> None:
    server = start(part)
    code, out, err = run("reload")
    assert code == 1
    assert "reloaded:" not in out
    assert err.startswith(f"tonnage: not reloaded: {why}")
    assert server.poll() is None


# -- stop --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "how"), [([], "draining"), (["--quick"], "quick")])
def test_a_stop_is_over_when_the_process_is_gone(start: Start, run: Run, words: list[str], how: str) -> None:
    server = start()
    code, out, err = run("stop", *words)
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == [how, "stopped"]
    assert os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def test_a_server_that_ends_without_goodbye_has_not_stopped_as_asked(start: Start, run: Run) -> None:
    start("crashes")
    code, _, err = run("stop")
    assert code == 1
    assert "is gone before it was done" in err


# -- upgrade -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def successors(start: Start, run: Run) -> Iterator[Callable[[str], int]]:
    """The pid of the new supervisor that a line of output speaks of; it ends with the test."""
    pids: list[int] = []

    def found(out: str) -> int:
        line = next(line for line in out.splitlines() if "serves beside" in line)
        pids.append(int(line.split()[1]))
        return pids[-1]

    yield found
    for pid in pids:
        if _is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except FileNotFoundError:
        return False
    return state not in b"ZX"  # nobody may reap what the old one has left


def _wait_gone(pid: int) -> None:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([fd], [], [], 10)[0], f"process {pid} lives on"
    os.close(fd)


@pytest.mark.parametrize("is_named", [False, True])
def test_an_upgrade_ends_with_the_new_one_alone(
    start: Start, run: Run, successors: Callable[[str], int], tmp_path: Path, is_named: bool
) -> None:
    words = ["--control-socket", str(tmp_path / "site.sock")] if is_named else []
    old = start(place=words[-1] if is_named else "")
    code, out, err = run("upgrade", *words)
    new = successors(out)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"upgraded: supervisor {new} (tonnage 0.1.0), 2 of 2 workers ready"
    old.wait()
    assert _is_alive(new)


@pytest.mark.parametrize(("part", "why"), [("dies", "is gone before"), ("never", "only 0 of 2 new workers are ready")])
def test_a_new_one_that_fails_is_taken_back(
    start: Start, run: Run, successors: Callable[[str], int], monkeypatch: pytest.MonkeyPatch, part: str, why: str
) -> None:
    monkeypatch.setattr(upgrade, "GRACE_S", -1000.0)
    old = start(part)
    code, out, err = run("upgrade")
    assert code == 1
    assert f"not upgraded, supervisor {old.pid} serves on: " in err
    assert why in err
    _wait_gone(successors(out))
    assert old.poll() is None


def test_an_upgrade_that_does_not_begin_changes_nothing(start: Start, run: Run) -> None:
    old = start("refuses")
    code, _, err = run("upgrade")
    assert code == 1
    assert err == f"tonnage: not upgraded, supervisor {old.pid} serves on: another upgrade is under way\n"
    assert old.poll() is None
