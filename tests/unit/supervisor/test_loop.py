"""The supervisor on real forks, signals and pipes, with workers that only act."""

import os
import signal
import socket

import pytest

from tests.unit.supervisor.conftest import Stage


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_start_and_a_stop(stage: Stage) -> None:
    play = stage(workers=2)
    tcp, unix = play.wait_listening()
    assert tcp.startswith("http://127.0.0.1:")
    assert unix == f"unix:{play.directory}/sock"
    assert (play.directory / "pid").read_text() == f"{play.process.pid}\n"
    play.wait_ready(1, 2)
    assert play.stop() == 0
    assert play.count("Drain") == 2
    assert play.left_behind == []
    log = play.log
    pid = play.process.pid
    assert f"[{pid}] [INFO] Starting tonnage 0.1.0\n[{pid}] [INFO] Using worker: sync\n" in log
    assert f"[{pid}] [INFO] Listening at: {tcp},{unix} ({pid})\n" in log
    for worker in (play.wait_for("boot", 1).pid, play.wait_for("boot", 2).pid):
        assert f"[{worker}] [INFO] Booting worker with pid: {worker}\n" in log
        assert f"[{worker}] [INFO] Worker exiting (pid: {worker})\n" in log
        assert f"[{pid}] [INFO] Worker (pid: {worker}) exited with code 0.\n" in log
    assert f"[{pid}] [INFO] Handling signal: term\n" in log
    assert log.endswith(f"[{pid}] [INFO] Shutting down: supervisor (pid: {pid})\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop(stage: Stage, number: int) -> None:
    play = stage(workers=2)
    play.wait_ready(1, 2)
    play.wait_listening()
    assert play.stop(number) == 0
    assert play.left_behind == []


def test_a_worker_that_does_not_finish_is_killed_when_the_grace_is_over(stage: Stage) -> None:
    play = stage(workers=1, w1="stubborn", grace=0.05)
    play.wait_listening()
    assert play.stop() == 0
    assert "is killed: it was still at work 0.05 s after it was asked to drain (limit: --graceful-timeout)" in play.log
    assert "was killed by SIGABRT." in play.log
    assert 'stage.py", line' in play.log, "its stack is told"


def test_a_worker_that_never_stops_talking_puts_off_no_deadline(stage: Stage) -> None:
    play = stage(workers=1, w1="flood", grace=0.05)
    play.wait_listening()
    assert play.stop() == 0
    assert "is killed: it was still at work 0.05 s after it was asked to drain" in play.log


def test_int_after_term_does_not_wait_for_the_grace(stage: Stage) -> None:
    play = stage(workers=2, w1="stubborn", grace=600)
    play.wait_ready(1, 2)
    play.wait_listening()
    play.send(signal.SIGTERM)
    play.wait_for("Drain", 2)
    assert play.stop(signal.SIGINT) == 0


def test_a_stop_while_a_worker_still_loads_does_not_wait_for_it(stage: Stage) -> None:
    play = stage(workers=2, w2="hang")
    play.wait_ready(1)
    play.wait_for("boot", 2)
    assert play.stop() == 0
    assert "was killed by SIGINT." in play.log


def test_a_stop_before_anybody_is_ready_is_clean_and_nobody_is_told_of_readiness(stage: Stage) -> None:
    play = stage(workers=2, rest="hang")
    play.wait_for("boot", 1)
    play.wait_for("boot", 2)
    assert play.stop() == 0
    assert play.wait_listening() == []
    assert "Listening at" not in play.log
    assert play.left_behind == []


@pytest.mark.parametrize(("part", "code"), [("fail3", 3), ("fail4", 4)])
def test_an_application_that_cannot_load_is_said_once_and_leaves_nothing(stage: Stage, part: str, code: int) -> None:
    play = stage(workers=4, rest=part)
    assert play.wait_end() == code
    assert play.wait_listening() == []
    assert play.log.count("Traceback") == 1
    assert play.log.count("[ERROR]") == 1
    assert "ImportError: no module named nope. The server stops." in play.log
    assert "Listening at" not in play.log
    assert play.left_behind == []


@pytest.mark.parametrize(("part", "how"), [("leave", "exited with code 1"), ("stumble", "exited with code 1")])
def test_a_worker_that_ends_before_it_is_ready_stops_the_first_start(stage: Stage, part: str, how: str) -> None:
    play = stage(workers=1, rest=part)
    assert play.wait_end() == 3
    assert f"it {how} before it was ready, and did not say why. The server stops." in play.log
    assert play.left_behind == []


def test_a_first_boot_that_hangs_is_ended(stage: Stage) -> None:
    play = stage(workers=2, rest="hang", boot=0.05)
    assert play.wait_end() == 3
    assert "was not ready after 0.05 s and is killed (limit: --boot-timeout)" in play.log
    assert play.left_behind == []


def test_a_worker_that_crashes_is_replaced_and_its_death_explained(stage: Stage) -> None:
    play = stage(workers=2)
    play.wait_ready(1, 2)
    victim = play.wait_for("ready", 1).pid
    os.kill(victim, signal.SIGSEGV)
    play.wait_ready(3)
    assert play.stop() == 0
    assert f"[ERROR] Worker (pid: {victim}) was killed by SIGSEGV, " in play.log
    assert "The next is started in 0.5 s." in play.log


def test_a_late_boot_failure_leaves_the_healthy_worker_alone(stage: Stage) -> None:
    play = stage(workers=2, w1="serve", w2="serve", rest="fail3")
    play.wait_ready(1, 2)
    os.kill(play.wait_for("ready", 1).pid, signal.SIGKILL)
    play.wait_for("boot", 4)
    assert play.stop() == 0
    assert play.count("Drain") == 1
    assert "Worker failed to boot" in play.log
    assert "(failure 2 in a row)" in play.log


def test_one_more_and_one_less(stage: Stage) -> None:
    play = stage(workers=1)
    play.wait_listening()
    play.send(signal.SIGTTIN)
    play.wait_ready(2)
    play.reload(workers=1)  # what is logged of it comes after the supervisor has heard of worker 2
    play.wait_ready(3)
    play.send(signal.SIGTTIN)
    play.send(signal.SIGTTOU)
    assert play.stop() == 0


def test_logs_are_reopened_by_everybody(stage: Stage) -> None:
    play = stage(workers=2)
    play.wait_ready(1, 2)
    play.wait_listening()
    play.send(signal.SIGUSR1)
    play.wait_for("reopened")
    play.wait_for("ReopenLogs", 1)
    play.wait_for("ReopenLogs", 2)
    assert play.stop() == 0


def test_signals_that_mean_nothing_to_a_loading_worker_do_not_end_it(stage: Stage) -> None:
    play = stage(workers=2, w2="hang")
    play.wait_ready(1)
    booting = play.wait_for("boot", 2).pid
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGTTIN, signal.SIGTTOU):
        os.kill(booting, number)
    play.send(signal.SIGWINCH)
    play.send(signal.SIGUSR1)
    play.wait_for("reopened")
    assert play.stop() == 0
    assert "winch" not in play.log
    assert play.count("boot") == 2


def test_workers_end_when_their_supervisor_is_killed(stage: Stage) -> None:
    play = stage(workers=3)
    port = int(play.wait_listening()[0].rpartition(":")[2])
    play.wait_ready(1, 2, 3)
    assert play.stop(signal.SIGKILL) == -signal.SIGKILL
    assert play.count("orphaned") == 3
    while is_open(port):  # the last process is gone; the kernel closes its descriptors one by one
        pass


def test_a_start_after_a_killed_supervisor_is_not_refused(stage: Stage) -> None:
    first = stage(workers=1)
    first.wait_listening()
    first.stop(signal.SIGKILL)
    assert first.left_behind == ["pid", "sock"]
    second = stage(workers=1)
    assert len(second.wait_listening()) == 2
    assert second.stop() == 0
    assert second.left_behind == []


def test_a_second_start_is_refused_and_harms_nothing(stage: Stage) -> None:
    first = stage(workers=1)
    first.wait_listening()
    second = stage(workers=1)
    assert second.wait_end() == 1
    assert f"belongs to process {first.process.pid}, which is running" in second.log
    assert first.left_behind == ["pid", "sock"]
    assert first.stop() == 0


def test_a_bug_in_the_supervisor_leaves_no_orphan(stage: Stage) -> None:
    play = stage(workers=2, buggy="yes")
    play.wait_ready(1, 2)
    assert play.stop(signal.SIGTTIN) == 255
    assert "ZeroDivisionError: a bug" in play.log
    assert play.count("signalled") == 2
    assert play.left_behind == []


def test_nonsense_from_a_worker_is_survived(stage: Stage) -> None:
    play = stage(workers=1, rest="babble")
    play.wait_ready(1)
    play.wait_listening()
    assert play.stop() == 0
    assert play.log.count("sent what is no message") == 5
    assert "sent a message that is not for us" in play.log


def test_what_the_application_registers_with_atexit_runs(stage: Stage) -> None:
    play = stage(workers=1, rest="register")
    play.wait_ready(1)
    play.wait_listening()
    assert play.stop() == 0
    assert play.count("atexit") == 1
    assert [event.pid for event in play.seen if event.what == "supervisor's atexit"] == [play.process.pid]


def test_hooks_are_called_in_their_order(stage: Stage) -> None:
    play = stage(workers=1, hooks=True)
    play.wait_ready(1)
    play.wait_listening()
    play.send(signal.SIGTTIN)
    play.wait_ready(2)
    assert play.stop() == 0
    ours = [event.what for event in play.seen if event.pid == play.process.pid and event.age in (0, 1)]
    assert ours == [
        "on_starting", "nworkers_changed 1 None", "pre_fork", "when_ready", "nworkers_changed 2 1", "child_exit",
        "on_exit", "supervisor's atexit",
    ]  # fmt: skip
    worker = play.wait_for("boot", 1).pid
    assert [event.what for event in play.seen if event.pid == worker] == [
        "post_fork", "boot", "ready", "Drain", "worker_exit",
    ]  # fmt: skip


def test_a_hook_that_raises_in_the_supervisor_is_survived(stage: Stage) -> None:
    play = stage(workers=1, hooks=True, raising="pre_fork")
    play.wait_ready(1)
    play.wait_listening()
    assert play.stop() == 0
    assert "The hook pre_fork raised" in play.log
    assert "LookupError: hook of 1" in play.log


def test_a_post_fork_that_raises_is_a_boot_failure(stage: Stage) -> None:
    play = stage(workers=1, hooks=True, raising="post_fork")
    assert play.wait_end() == 3
    assert "the hook post_fork raised LookupError: hook of 1" in play.log


def test_a_fork_that_fails_is_tried_again(stage: Stage) -> None:
    play = stage(workers=1, forkless="yes")
    play.wait_ready(2)
    play.wait_listening()
    assert play.stop() == 0
    assert "No worker could be started: Resource temporarily unavailable. The next is started in 0.5 s." in play.log


def test_nobody_there_to_hear_of_readiness_is_no_reason_not_to_serve(stage: Stage) -> None:
    play = stage(workers=1, deaf="yes")
    play.wait_ready(1)
    play.send(signal.SIGUSR1)
    play.wait_for("ReopenLogs", 1)
    assert play.stop() == 0
    assert "Nobody could be told of readiness (--ready-fd): Broken pipe" in play.log
