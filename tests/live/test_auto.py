"""`workers = auto` in real control groups: what it chooses is carried, and two more are not."""

import os
import re
import shlex
import signal
from pathlib import Path

import pytest

from tests.live.apps import HELLO, write_app
from tests.live.cells import cell
from tests.live.server import Running, command, serve

AUTO = {"WEB_CONCURRENCY": "auto"}
CHOSEN = r"(\d+) workers? \(workers = auto\): bound by (\w+)"
# Takes so many MiB of its own, whatever it shares with others, and tells who answers. Sizes below are far from where
# one worker more or less would just fit, so that a few MiB of the server or of Python do not change the answer.
HEAVY = """
import os

held = bytearray(int(os.environ["MIB"]) << 20)
held[::4096] = b"x" * len(held[::4096])

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


def chosen(server: Running) -> tuple[int, str]:
    (said,) = server.log.wait_for(CHOSEN)
    return int(said[1]), said[2]


def wait_for_workers(server: Running, count: int) -> None:
    server.log.wait_for("Booting worker", count)
    answered: set[str] = set()
    while len(answered) < count:
        answered.add(server.get().text)


@pytest.mark.parametrize(
    ("memory_mib", "cpus", "app_mib", "workers", "by"),
    [
        (128, 0.5, 32, 1, "memory"),
        (128, 1.5, 32, 1, "memory"),
        (256, 0.5, 20, 2, "CPU"),
        (256, 1.0, 55, 2, "memory"),
        (512, 1.0, 20, 3, "CPU"),
        (512, 1.5, 96, 3, "memory"),
    ],
)
def test_what_is_chosen_is_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory_mib: int, cpus: float, app_mib: int, workers: int, by: str
) -> None:
    write_app(tmp_path, HEAVY)
    with cell(memory_mib, cpus) as made:
        monkeypatch.setenv("TONNAGE", shlex.join(made.within(command())))
        with serve("app", cwd=tmp_path, env={**AUTO, "MIB": str(app_mib)}) as server:
            assert chosen(server) == (workers, by)
            wait_for_workers(server, workers)
            for _ in range(200):
                assert server.get().status == 200
            assert made.oom_kills() == 0
            assert len(server.workers()) == workers


def test_an_asgi_application_gets_one_worker_for_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_app(tmp_path, "async def application(scope, receive, send): ...\n")
    with cell(512, 1.0) as made:
        monkeypatch.setenv("TONNAGE", shlex.join(made.within(command())))
        with serve("app", cwd=tmp_path, env=AUTO) as server:
            assert chosen(server) == (1, "CPU")  # a sync worker would be one of three


@pytest.mark.parametrize(("memory_mib", "app_mib"), [(128, 32), (256, 55)])
def test_two_more_than_memory_carries_are_killed_as_was_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory_mib: int, app_mib: int
) -> None:
    write_app(tmp_path, HEAVY)
    with cell(memory_mib) as made:
        monkeypatch.setenv("TONNAGE", shlex.join(made.within(command())))
        with serve("app", cwd=tmp_path, env={**AUTO, "MIB": str(app_mib)}) as server:
            workers, by = chosen(server)
            assert by == "memory"
            wait_for_workers(server, workers)
            assert made.oom_kills() == 0
        with serve("app", "-w", str(workers + 2), cwd=tmp_path, env={"MIB": str(app_mib)}) as server:
            server.log.wait_for(r"[Kk]illed by SIGKILL|out-of-memory")
            assert made.oom_kills() > 0


def test_auto_is_told_in_one_block_with_the_way_to_override_it(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--max-workers", "2", cwd=tmp_path, env=AUTO) as server:
        server.log.wait_for(r"2 workers \(workers = auto\): the most that --max-workers allows; ")
        server.log.wait_for(r"  CPU: \d+ = ceil\(2 x [\d.]+\) \+ 1; \w+, /")
        server.log.wait_for(r"  memory: \d+ = floor\(.* a worker takes [\d.]+ MiB")
        server.log.wait_for(r"--workers N \(WEB_CONCURRENCY\) sets another number")
        server.log.wait_for("Booting worker", 2)
        assert server.get().status == 200


def test_a_hook_is_told_of_the_number_when_it_is_known(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    (tmp_path / "gunicorn.conf.py").write_text(
        "max_workers = 3\nmin_workers = 3\n"
        "def nworkers_changed(server, new, old):\n"
        "    server.log.info('hook: %s %s %s', server.num_workers, new, old)\n"
    )
    with serve("app", cwd=tmp_path, env=AUTO) as server:
        assert re.search(r"hook: 3 3 None", server.log.wait_for(r"hook: .*")[0][0])
        server.log.wait_for("Booting worker", 3)


def test_preloaded_it_counts_the_zygote_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty MiB in each of four workers would not fit into 128; shared they do."""
    write_app(tmp_path, HEAVY)
    with cell(128) as made:
        monkeypatch.setenv("TONNAGE", shlex.join(made.within(command())))
        with serve("app", "--preload", "--max-workers", "4", cwd=tmp_path, env={**AUTO, "MIB": "40"}) as server:
            (said,) = server.log.wait_for(r"(\d+) workers? \(workers = auto\)")
            assert int(said[1]) >= 2
            wait_for_workers(server, int(said[1]))
            server.log.wait_for("if it writes to 30 % of what it shares with the zygote")
            assert made.oom_kills() == 0


def test_a_reload_finds_out_again_and_keeps_as_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although the new generation is weighed while the old one still has its memory."""
    write_app(tmp_path, HEAVY)
    with cell(512, 1.5) as made:
        monkeypatch.setenv("TONNAGE", shlex.join(made.within(command())))
        with serve("app", cwd=tmp_path, env={**AUTO, "MIB": "96"}) as server:
            assert chosen(server) == (3, "memory")
            wait_for_workers(server, 3)
            server.signal(signal.SIGHUP)
            server.log.wait_for("Generation 2 has taken over")
            assert [said[1] for said in server.log.wait_for(CHOSEN, 2)] == ["3", "3"]
            assert made.oom_kills() == 0


def test_an_upgrade_does_not_take_the_old_one_s_memory_for_somebody_else_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_app(tmp_path, HEAVY)
    with cell(512, 1.5) as made:
        monkeypatch.setenv("TONNAGE", shlex.join(made.within(command())))
        with serve("app", "--max-workers", "2", cwd=tmp_path, env={**AUTO, "MIB": "96"}) as server:
            wait_for_workers(server, 2)
            server.signal(signal.SIGUSR2)
            sized = r"2 workers \(workers = auto\): the most that --max-workers allows; memory would carry 3"
            assert len(server.log.wait_for(sized, 2)) == 2
            (heir,) = server.log.wait_for(r"Supervisor (\d+) serves beside this one")
            server.log.wait_for("Booting worker", 4)
            os.kill(int(heir[1]), signal.SIGTERM)
            server.log.wait_for(rf"Supervisor {heir[1]} exited|serves on")
