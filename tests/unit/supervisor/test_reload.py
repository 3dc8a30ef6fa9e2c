"""Reloads on real forks and signals."""

import os
import signal

from tests.unit.supervisor.conftest import Stage


def test_every_worker_is_replaced_and_the_listeners_stay(stage: Stage) -> None:
    play = stage(workers=2)
    urls = play.wait_listening()
    play.wait_ready(1, 2)
    play.reload()
    play.wait_ready(3, 4)
    play.wait_for("Drain", 2)
    assert play.stop() == 0
    assert "Generation 2 has taken over." in play.log
    assert play.log.count("Listening at") == 1
    assert f"Listening at: {','.join(urls)}" in play.log
    assert play.left_behind == []


def test_settings_that_are_wrong_change_nothing(stage: Stage) -> None:
    play = stage(workers=1)
    play.wait_listening()
    play.reload(error="workers = 0 must be at least 1")
    play.send(signal.SIGUSR1)
    play.wait_for("reopened")
    assert play.stop() == 0
    assert "Nothing is reloaded, the server goes on as it was: workers = 0 must be at least 1" in play.log
    assert play.count("boot") == 1


def test_other_settings_come_with_the_new_generation(stage: Stage) -> None:
    play = stage(workers=1, hooks=True)
    play.wait_listening()
    play.reload(workers=3)
    play.wait_ready(2, 3, 4)
    play.wait_for("Drain", 1)
    assert play.stop() == 0
    play.wait_for("on_reload")
    play.wait_for("nworkers_changed 3 1")


def test_code_that_cannot_load_leaves_the_old_worker_alone_also_later(stage: Stage) -> None:
    play = stage(workers=1, w2="fail3", w3="fail3", hooks=True)
    play.wait_listening()
    play.reload()
    play.wait_for("child_exit", 2)
    play.reload()
    play.wait_for("child_exit", 3)
    os.kill(play.wait_for("ready", 1).pid, signal.SIGKILL)
    play.wait_ready(4)
    assert play.stop() == 0
    assert "Generation 2 is given up, generation 1 serves on." in play.log
    assert "Generation 3 is given up, generation 1 serves on." in play.log


def test_a_stop_does_not_wait_for_a_reload(stage: Stage) -> None:
    play = stage(workers=2, w3="hang")
    play.wait_ready(1, 2)
    play.reload()
    play.wait_for("boot", 3)
    assert play.stop() == 0
    assert play.left_behind == []


def test_a_release_that_crashes_after_it_has_taken_over_is_taken_back(stage: Stage) -> None:
    play = stage(workers=1)
    play.wait_listening()
    play.reload(bake=600)
    play.wait_for("Drain", 1)
    os.kill(play.wait_for("ready", 2).pid, signal.SIGSEGV)
    os.kill(play.wait_for("ready", 3).pid, signal.SIGSEGV)
    play.wait_ready(4)
    assert play.stop() == 0
    assert "Generation 2 is given up: its workers crash, generation 1 serves on." in play.log
    assert "load the code that is on the disk now" in play.log
