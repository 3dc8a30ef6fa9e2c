"""Workers that are forked from a zygote."""

import os
import signal

from tests.unit.supervisor.conftest import Stage


def test_the_application_is_loaded_once_for_all_workers(stage: Stage) -> None:
    play = stage(workers=3, preload="yes", hooks=True)
    zygote = play.wait_for("load").pid
    play.wait_ready(2, 3, 4)
    assert play.stop() == 0
    assert zygote != play.process.pid
    assert play.count("load") == 1
    assert play.count("Drain") == 3
    assert {event.pid for event in play.seen if event.what == "pre_fork"} == {zygote}
    assert play.count("post_fork") == play.count("worker_exit") == play.count("child_exit") == 3
    assert play.count("atexit of the application") == 3, "in the workers, not in the zygote"
    assert play.left_behind == []


def test_workers_do_not_notice_the_death_of_their_zygote(stage: Stage) -> None:
    play = stage(workers=1, preload="yes")
    play.wait_listening()
    os.kill(play.wait_for("load").pid, signal.SIGKILL)
    play.wait_count("load", 2)
    play.send(signal.SIGTTIN)
    play.wait_count("ready", 2)
    assert play.stop() == 0
    assert play.count("load") == 2
    assert "of generation 1 was killed by SIGKILL" in play.log


def test_a_reload_loads_the_application_again(stage: Stage) -> None:
    play = stage(workers=1, preload="yes")
    play.wait_listening()
    play.reload()
    play.wait_for("Drain", 2)
    assert play.stop() == 0
    assert play.count("load") == 2


def test_a_release_that_crashes_is_taken_back_by_the_sleeping_zygote(stage: Stage) -> None:
    play = stage(workers=1, preload="yes")
    play.wait_listening()
    play.reload(bake=600)
    play.wait_for("Drain", 2)
    os.kill(play.wait_for("ready", 4).pid, signal.SIGSEGV)
    os.kill(play.wait_for("ready", 5).pid, signal.SIGSEGV)
    play.wait_ready(6)
    assert play.stop() == 0
    assert play.count("load") == 2, "nothing was loaded again"
    assert "load the code that is on the disk now" not in play.log


def test_a_quick_stop_ends_zygotes_too(stage: Stage) -> None:
    play = stage(workers=2, preload="yes")
    play.wait_listening()
    assert play.stop(signal.SIGINT) == 0


def test_everybody_ends_when_the_supervisor_is_killed(stage: Stage) -> None:
    play = stage(workers=2, preload="yes")
    play.wait_ready(2, 3)
    assert play.stop(signal.SIGKILL) == -signal.SIGKILL
    assert play.count("orphaned") == 2


def test_a_worker_of_a_zygote_that_is_killed_is_replaced(stage: Stage) -> None:
    play = stage(workers=1, preload="yes")
    play.wait_listening()
    victim = play.wait_for("ready", 2).pid
    os.kill(victim, signal.SIGSEGV)
    play.wait_ready(3)
    assert play.stop() == 0
    assert f"Worker (pid: {victim}) was killed by SIGSEGV" in play.log
