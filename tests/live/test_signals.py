"""Signals, as an operator or a process manager sends them, and what clients and logs see."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.apps import GATES, HELD, HELLO, PID, Gate, write_app
from tests.live.server import Running, serve


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    write_app(tmp_path, HELD)
    return Gate(tmp_path, "held")


def test_term_finishes_the_request_in_flight(tmp_path: Path, workers: list[str], bind: str, gate: Gate) -> None:
    with serve("app", *workers, cwd=tmp_path, bind=bind) as server:
        wire = server.connect()
        wire.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        server.signal(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        gate.open()
        reply = wire.reply()
        assert (reply.status, reply.text) == (200, "held until now\n")
        assert wire.at_end()
        assert server.wait() == 0


def test_term_finishes_a_request_whose_body_is_still_arriving(tmp_path: Path, workers: list[str]) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", *workers, cwd=tmp_path) as server:
        wire = server.connect()
        wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        server.signal(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        wire.send(b"body")
        assert wire.reply("POST").status == 200
        assert server.wait() == 0


def test_idle_connections_do_not_keep_a_server_that_was_told_to_stop(tmp_path: Path, workers: list[str]) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", *workers, "--graceful-timeout", "3600", cwd=tmp_path) as server:
        silent, kept = server.connect(), server.connect()
        assert kept.ask("GET", "/").status == 200
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert silent.at_end()
        assert kept.at_end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_int_and_quit_end_it_without_waiting_for_the_request_in_flight(
    tmp_path: Path, workers: list[str], gate: Gate, number: signal.Signals
) -> None:
    with serve("app", *workers, "--graceful-timeout", "3600", cwd=tmp_path) as server:
        wire = server.connect()
        wire.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        server.signal(number)
        assert server.wait() == 0
        assert b"held until now" not in wire.rest()


def test_a_second_term_while_the_process_ends_does_not_make_a_death_of_it(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    gate = Gate(tmp_path, "leaving")
    (tmp_path / "gunicorn.conf.py").write_text(GATES + "import atexit\natexit.register(pass_gate, 'leaving')\n")
    with serve("app", cwd=tmp_path) as server:
        server.signal(signal.SIGTERM)
        gate.wait_until_reached()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            server.signal(number)
        gate.open()
        assert server.wait() == 0


def test_int_after_term_ends_the_graceful_stop(tmp_path: Path, workers: list[str], gate: Gate) -> None:
    with serve("app", *workers, "--graceful-timeout", "3600", cwd=tmp_path) as server:
        server.connect().send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        server.signal(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        server.signal(signal.SIGINT)
        assert server.wait() == 0


def test_a_request_that_outlasts_the_graceful_timeout_is_cut_and_the_log_says_which_limit(
    tmp_path: Path, workers: list[str], gate: Gate
) -> None:
    with serve("app", *workers, "--graceful-timeout", "1", cwd=tmp_path) as server:
        server.connect().send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert "--graceful-timeout" in server.log.text


def test_ttin_adds_a_worker_and_ttou_takes_the_oldest_away_but_never_the_last(tmp_path: Path) -> None:
    write_app(tmp_path, PID)
    with serve("app", cwd=tmp_path) as server:
        (first,) = server.workers()
        server.signal(signal.SIGTTIN)
        second = int(server.log.wait_for(r"Booting worker with pid: (\d+)", times=2)[1][1])
        requests_until(server, lambda text: text == str(second))
        server.signal(signal.SIGTTOU)
        server.log.wait_for(rf"Worker \(pid: {first}\) exited with code 0")
        assert server.workers() == [second]
        server.signal(signal.SIGTTOU)
        server.log.wait_for("Handling signal: ttou", times=2)
        assert server.get().status == 200
        assert server.workers() == [second]


def test_a_stop_right_after_ttin_still_ends_everything(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", cwd=tmp_path) as server:
        for _ in range(5):
            server.signal(signal.SIGTTIN)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_usr1_reopens_the_logs_after_a_rotation(tmp_path: Path, workers: list[str]) -> None:
    write_app(tmp_path, HELLO)
    logs = ["--access-logfile", "access.log", "--error-logfile", "error.log"]
    with serve("app", *workers, *logs, cwd=tmp_path) as server:
        requests_until(server, lambda _: exists_with(tmp_path / "access.log", "/before"), path="/before")
        (tmp_path / "access.log").rename(tmp_path / "access.log.1")
        (tmp_path / "error.log").rename(tmp_path / "error.log.1")
        server.signal(signal.SIGUSR1)
        requests_until(server, lambda _: exists_with(tmp_path / "access.log", "/after"), path="/after")
    assert "/before" in (tmp_path / "access.log.1").read_text()
    assert "Shutting down" in (tmp_path / "error.log").read_text()


def exists_with(path: Path, text: str) -> bool:
    return path.exists() and text in path.read_text()


def requests_until(server: Running, done: Callable[[str], bool], path: str = "/") -> None:
    """Asks again and again until an answer says so; nothing is waited for but answers."""
    while not done(server.get(path).text):
        pass


def test_a_worker_that_is_killed_is_replaced_and_the_log_says_how_it_died(tmp_path: Path, workers: list[str]) -> None:
    write_app(tmp_path, PID)
    with serve("app", *workers, cwd=tmp_path) as server:
        victim = int(server.get().text)
        os.kill(victim, signal.SIGKILL)
        (line,) = server.log.wait_for(rf"Worker \(pid: {victim}\).*SIGKILL.*")
        assert "ERROR" in line.string[: line.end()].rpartition("\n")[2]
        server.log.wait_for("Booting worker with pid", times=2)
        assert int(server.get().text) != victim


def test_a_supervisor_that_is_killed_takes_its_workers_along(tmp_path: Path, workers: list[str]) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", *workers, "--workers", "2", cwd=tmp_path, expected=-signal.SIGKILL) as server:
        server.signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL


def test_a_worker_told_to_stop_by_itself_finishes_its_request_and_is_replaced(
    tmp_path: Path, workers: list[str], gate: Gate
) -> None:
    with serve("app", *workers, cwd=tmp_path) as server:
        (worker,) = server.workers()
        wire = server.connect()
        wire.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        os.kill(worker, signal.SIGTERM)
        gate.open()
        assert wire.reply().text == "held until now\n"
        server.log.wait_for("Booting worker with pid", times=2)
        assert server.get().text == "at once\n"


def test_workers_that_die_at_boot_are_started_ever_more_slowly_and_the_server_recovers(tmp_path: Path) -> None:
    write_app(tmp_path, "import os\nif os.path.exists('broken'):\n    os._exit(7)\n" + PID)
    with serve("app", cwd=tmp_path) as server:
        (tmp_path / "broken").touch()
        os.kill(int(server.get().text), signal.SIGKILL)
        tries = server.log.wait_for(r"The next is started in ([\d.]+) s", times=3)
        delays = [float(found[1]) for found in tries]
        assert delays == sorted(set(delays)), "each wait is longer than the one before"
        (tmp_path / "broken").unlink()
        assert server.get().status == 200
