"""A new supervisor beside the old one, by exec."""

import logging
import os
import selectors
import signal
import socket
from pathlib import Path

import pytest

from tests.unit.supervisor.conftest import Play, Stage
from tonnage.hooks import Server
from tonnage.supervisor.crew import Crew
from tonnage.supervisor.evidence import Evidence
from tonnage.supervisor.facts import HeirGone
from tonnage.supervisor.upgrade import Command, Upgrade


def heir_of(play: Play) -> int:
    return int((play.directory / "pid.2").read_text())


def is_there(play: Play) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(play.directory / "sock")) == 0


def upgraded(stage: Stage, **parts: str) -> Play:
    """Both serve."""
    play = stage(workers=1, hooks=True, **parts)
    play.wait_listening()
    play.send(signal.SIGUSR2)
    play.wait_count("when_ready", 2)
    play.wait_for("pre_exec")
    return play


def test_the_new_one_takes_over_with_the_same_listeners(stage: Stage) -> None:
    play = upgraded(stage)
    heir = heir_of(play)
    play.send(signal.SIGTERM)
    play.process.wait()
    assert is_there(play), "the socket's file belongs to the new one"
    while (play.directory / "pid.2").exists():
        os.sched_yield()
    assert (play.directory / "pid").read_text() == f"{heir}\n"
    os.kill(heir, signal.SIGTERM)
    play.wait_end()
    assert play.left_behind == []
    listening = [line.partition("Listening at: ")[2] for line in play.log.splitlines() if "Listening at" in line]
    urls = [line.partition(" (")[0] for line in listening]
    assert len(urls) == 2
    assert urls[0] == urls[1]


ENDS = [(signal.SIGTERM, "exited with code 0"), (signal.SIGKILL, "was killed by SIGKILL")]


@pytest.mark.parametrize(("number", "how"), ENDS)
@pytest.mark.parametrize("preload", ["", "yes"])
def test_the_new_one_can_be_sent_away_again(stage: Stage, preload: str, number: int, how: str) -> None:
    play = upgraded(stage, preload=preload)
    while "serves beside this one" not in play.log:
        os.sched_yield()
    heir = heir_of(play)
    os.kill(heir, number)
    while "this one serves on" not in play.log:
        os.sched_yield()
    assert f"this one serves on: supervisor {heir} {how}.\n" in play.log
    assert is_there(play)
    assert (play.directory / "pid").read_text() == f"{play.process.pid}\n"
    assert play.stop() == 0
    assert play.left_behind == (["pid.2"] if number == signal.SIGKILL else [])


def test_a_new_one_that_is_first_seen_dead_among_strangers_is_known() -> None:
    log = logging.getLogger("heir")
    with selectors.DefaultSelector() as selector:
        upgrade = Upgrade(Command((), Path(), {}), selector, log)
        crew = Crew({}, selector, Evidence(None))
        crew.adopts, crew.on_stranger = True, upgrade.was_reaped
        pid = os.fork()
        if pid == 0:
            os._exit(3)
        upgrade.pid = pid
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        (gone,) = crew.reap()
        assert isinstance(gone, HeirGone)
        assert gone.reason.startswith(f"supervisor {pid} exited with code 3 before")
        assert list(upgrade.reap()) == []
        assert upgrade.start([], Server(None, log, 0, (), 1), None).startswith("another upgrade is under way")


def test_a_new_one_that_cannot_start_changes_nothing(stage: Stage) -> None:
    play = stage(workers=1, hooks=True)
    play.wait_listening()
    (play.directory / "pid.2").mkdir()
    play.send(signal.SIGUSR2)
    while "this one serves on" not in play.log:
        os.sched_yield()
    assert "before a worker of it was ready" in play.log
    (play.directory / "pid.2").rmdir()
    assert is_there(play)
    assert play.stop() == 0
    assert play.left_behind == []


def test_one_upgrade_at_a_time(stage: Stage) -> None:
    play = upgraded(stage)
    play.send(signal.SIGUSR2)
    while "one at a time" not in play.log:
        os.sched_yield()
    os.kill(heir_of(play), signal.SIGTERM)
    assert play.stop() == 0


def test_the_workers_of_the_old_one_rest_and_come_back(stage: Stage) -> None:
    play = upgraded(stage)
    while "serves beside this one" not in play.log:
        os.sched_yield()
    play.send(signal.SIGWINCH)
    play.wait_for("nworkers_changed 0 1")
    play.wait_for("Drain", 1)
    os.kill(heir_of(play), signal.SIGTERM)
    play.wait_for("nworkers_changed 1 0")
    play.wait_for("ready", 2)
    assert play.stop() == 0


def test_a_terminal_that_changes_its_size_sends_nobody_away(stage: Stage) -> None:
    play = stage(workers=1)
    play.wait_listening()
    play.send(signal.SIGWINCH)
    play.send(signal.SIGUSR1)
    play.wait_for("reopened")
    assert play.stop() == 0
    assert play.count("Drain") == 1
    assert "winch" not in play.log


def test_the_workers_of_the_old_one_come_back_also_from_a_reload_that_fails_when_the_new_one_is_gone(
    stage: Stage,
) -> None:
    play = upgraded(stage, w2="hang")
    while "serves beside this one" not in play.log:
        os.sched_yield()
    play.send(signal.SIGWINCH)
    play.wait_for("nworkers_changed 0 1")
    play.reload(workers=1)
    broken = play.wait_for("boot", 2).pid
    os.kill(heir_of(play), signal.SIGTERM)
    while "this one serves on" not in play.log:
        os.sched_yield()
    os.kill(broken, signal.SIGKILL)
    play.wait_ready(3)
    assert "Generation 2 is given up" in play.log
    assert play.stop() == 0
