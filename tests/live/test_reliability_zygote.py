"""With --preload workers are forked from a zygote: from the last release that was good, whatever is on the disk."""

import os
import signal
from pathlib import Path

from prove.applications import put
from tests.live.apps import PID, write_app
from tests.live.server import serve

WORKERS = 10


def test_a_worker_is_forked_from_the_good_release_though_its_files_are_gone(tmp_path: Path, workers: list[str]) -> None:
    write_app(tmp_path, PID)
    with serve("app", "--preload", *workers, cwd=tmp_path) as server:
        victim = int(server.get().text)
        (tmp_path / "app.py").unlink()
        os.kill(victim, signal.SIGKILL)
        server.log.wait_for("Booting worker with pid", times=2)
        assert int(server.get().text) != victim


def test_a_release_that_is_broken_is_given_up_and_the_next_worker_is_of_the_one_before(
    tmp_path: Path, workers: list[str]
) -> None:
    write_app(tmp_path, PID)
    with serve("app", "--preload", *workers, cwd=tmp_path, tracebacks=True) as server:
        victim = int(server.get().text)
        put(tmp_path / "app.py", "import a_module_that_this_release_forgot\n")
        server.signal(signal.SIGHUP)
        server.log.wait_for("Generation 2 is given up, generation 1 serves on")
        os.kill(victim, signal.SIGKILL)
        server.log.wait_for("Booting worker with pid", times=2)
        assert int(server.get().text) != victim


def test_no_worker_is_taken_for_dead_while_its_zygote_is_still_forking_it(tmp_path: Path) -> None:
    """The supervisor looks for dead children at every SIGCHLD, and a worker is its child only after two forks."""
    write_app(tmp_path, PID)
    with serve("app", "--preload", cwd=tmp_path) as server:
        for known in range(1, WORKERS):  # one at a time: the kernel keeps one pending signal of a kind, not nine
            server.signal(signal.SIGTTIN)
            while server.log.text.count("Booting worker with pid") <= known:
                server.signal(signal.SIGCHLD)
        assert server.get().status == 200
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert "failed to boot" not in server.log.text
        assert "lost its supervisor" not in server.log.text
