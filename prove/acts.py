"""What happens while the load runs. Each act takes a stage, does its worst, and says what did not come to pass."""

from __future__ import annotations

import re
import signal
import time

from .applications import CRASH_AT_20, EXIT, GOOD, HANG, IMPORT_ERROR
from .server import PATIENCE_S, STOP_S, is_alive, wait_until
from .stage import Stage

AS_ASKED = (0, -signal.SIGTERM)  # uvicorn ends by the signal that it was sent, which is good manners too
HELD_MS = 5000  # longer than it lives
UP = 8  # workers
ORPHANS_S = 10.0
GIVEN_UP = ("is given up", "Nothing is reloaded")


def nothing(stage: Stage) -> None:
    """What happens is in the settings, or nothing does."""
    stage.rest(stage.pace.trouble_s)


def recycle(stage: Stage) -> None:
    """It is in the settings; but it has to have begun."""
    known: set[str] = set()

    def is_renewed() -> bool:
        known.add(stage.server.ask()[1])
        return len(known - {""}) > stage.server.wants.workers

    wait_until(is_renewed)
    stage.rest(stage.pace.trouble_s)
    stage.expect(stage.server.is_up(), "the whole server ended")


def reload_in_a_row(stage: Stage) -> None:
    _reload(stage, stage.pace.reloads)


def reload_some(stage: Stage) -> None:
    _reload(stage, stage.pace.reloads // 16 or 1)


def _reload(stage: Stage, times: int) -> None:
    """The next as soon as the one before has answered, so it often comes in the middle of it."""
    end = time.monotonic() + stage.pace.reloads_s * (1.0 if stage.server.peer.is_ours else 0.125)
    done = 0
    while done < times and time.monotonic() < end and stage.server.is_up():
        version = stage.release(GOOD)
        stage.server.signal(signal.SIGHUP)
        if not stage.server.wait_version(version, times=1):
            stage.flaws.append(f"after reload {done + 1}, the old code still answered {PATIENCE_S:g} s later")
            return
        done += 1
    stage.expect(stage.server.wait_version(str(stage.version), times=10), "an older release still answers")
    stage.notes.append(f"{done} reloads")


def reload_onto_import_error(stage: Stage) -> None:
    _reload_onto(stage, IMPORT_ERROR)


def reload_onto_import_error_and_kill(stage: Stage) -> None:
    """Each worker dies once; who comes after cannot be made from what is on the disk."""
    _reload_onto(stage, IMPORT_ERROR)
    for _ in range(stage.server.wants.workers):
        _, pid = stage.server.ask()
        if not pid:
            break
        stage.kill(int(pid))
        stage.rest(stage.settle_s / 2)
    stage.expect(stage.server.is_up(), "the whole server ended")
    stage.expect(stage.server.ask() != ("", ""), "nobody answered any more")


def reload_onto_exit(stage: Stage) -> None:
    _reload_onto(stage, EXIT)


def reload_onto_hang(stage: Stage) -> None:
    _reload_onto(stage, HANG, stage.server.wants.boot_timeout_s + 1)


def reload_onto_crash(stage: Stage) -> None:
    """What is lost until the server has gone back to the good release was inside a worker that crashed."""
    stage.crashing = stage.release(CRASH_AT_20)
    stage.server.signal(signal.SIGHUP)
    if stage.server.peer.is_ours:  # how long its two crashes take is the machine's business
        stage.expect(wait_until(lambda: "is given up" in stage.server.log), "it did not go back")
    stage.rest(stage.settle_s)
    stage.expect(stage.server.is_up(), "the whole server ended")


def reload_onto_bad_settings(stage: Stage) -> None:
    settings = stage.server.directory / "settings.py"
    good = settings.read_text()
    settings.write_text("workers = = 2\n")
    _reload_onto(stage, GOOD)
    settings.write_text(good)


def _reload_onto(stage: Stage, source: str, longer_s: float = 0.0) -> None:
    stage.release(source)
    stage.server.signal(signal.SIGHUP)
    stage.rest(stage.settle_s + longer_s)
    if stage.server.peer.is_ours:  # how long it takes to see that it is broken is the machine's business
        stage.expect(wait_until(lambda: any(word in stage.server.log for word in GIVEN_UP)), "it did not give up")
    stage.expect(stage.server.is_up(), "the whole server ended")
    stage.expect(stage.server.ask() != ("", ""), "nobody answered any more")


def stop(stage: Stage) -> None:
    stage.server.signal(signal.SIGTERM)
    stage.expect(wait_until(lambda: not stage.server.is_up(), STOP_S), "it did not end")
    code = stage.server.process.poll()
    stage.expect(code in AS_ASKED, f"it ended with status {code}")
    stage.expect(not stage.server.tree(), "processes are left")


def kill_supervisor(stage: Stage) -> None:
    """While each worker has a request inside."""
    stage.expect(wait_until(lambda: len(stage.inside("")) >= stage.server.wants.workers), "no request is inside")
    killed_at = time.monotonic()
    stage.server.signal(signal.SIGKILL)
    gone = wait_until(lambda: not stage.server.tree(), ORPHANS_S)
    stage.expect(gone, f"workers were still there {ORPHANS_S:g} s later")
    if gone:
        stage.notes.append(f"the last worker ended {time.monotonic() - killed_at:.1f} s later")
    stage.expect(stage.server.port_is_free(), "the port is not free")


def kill_workers(stage: Stage) -> None:
    """Each has a request inside, which is lost; the log has to name it."""
    for number in range(stage.pace.kills):
        name = f"victim{number}"
        known = stage.server.pids()
        sock, pid = stage.hold(name, HELD_MS)
        with sock:
            stage.kill(pid)
            stage.victims.append(f"/held/{HELD_MS}/{name}")
        stage.wait_new_worker(known)
        stage.rest(stage.pace.tail_s)
        if not stage.server.is_up():
            stage.flaws.append("the whole server ended")
            return


def kill_zygote(stage: Stage) -> None:
    """The next worker needs another one."""
    for number in range(stage.pace.kills):
        zygotes = re.findall(r"Loading the application once.*\(pid: (\d+)\)", stage.server.log)
        stage.kill(int(zygotes[-1]))
        stage.server.signal(signal.SIGTTIN)
        booted = stage.server.wait_logged("Booting worker with pid", stage.server.wants.workers + number + 1)
        stage.expect(booted, "no worker was forked after that")
        stage.rest(stage.pace.tail_s)
        stage.server.signal(signal.SIGTTOU)
        stage.rest(stage.pace.tail_s)


def scale(stage: Stage) -> None:
    """To eight workers and back."""
    known = stage.server.pids()
    for number in (signal.SIGTTIN, signal.SIGTTOU):
        for _ in range(UP - 2):
            stage.server.signal(number)
            stage.rest(stage.pace.step_s)
        if number == signal.SIGTTIN and stage.server.peer.is_ours:  # or the next would dismiss who still boots
            stage.wait_new_worker(known)
        stage.rest(stage.pace.tail_s)


def upgrade(stage: Stage) -> None:
    """SIGUSR2, and when the new supervisor's workers answer, SIGTERM to the old one."""
    old = stage.server.main
    new = _second_supervisor(stage)
    if new:
        stage.server.main = new
        stage.server.signal(signal.SIGTERM, old)
        stage.expect(wait_until(lambda: not is_alive(old)), "the old supervisor did not end")
        stage.expect(stage.server.wait_version(str(stage.version), times=10), "the old code still answers")


def roll_back(stage: Stage) -> None:
    """SIGUSR2, and when the new supervisor's workers answer, SIGTERM to the new one."""
    version = str(stage.version)
    new = _second_supervisor(stage)
    if new:
        stage.server.signal(signal.SIGTERM, new)
        stage.expect(wait_until(lambda: not is_alive(new)), "the new supervisor did not end")
        stage.expect(stage.server.wait_version(version, times=10), "the new code still answers")
        stage.expect(stage.server.pidfile.read_text().strip() == str(stage.server.main), "the pid file is another's")


def _second_supervisor(stage: Stage) -> int:
    """Its pid; 0 if none came."""
    version = stage.release(GOOD)
    stage.server.signal(signal.SIGUSR2)
    file = stage.server.directory / "pid.2"
    if not wait_until(lambda: file.exists() and file.read_text().strip().isdigit()):
        stage.flaws.append("no second supervisor came")
        return 0
    stage.expect(stage.server.wait_version(version, times=1), "the second supervisor's workers never answered")
    stage.rest(stage.pace.tail_s)
    return int(file.read_text())
