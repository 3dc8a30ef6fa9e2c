"""tonnage upgrade: a new supervisor in the place of the old one, or nothing changed."""

import re
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prove.applications import put
from tests.live.apps import GATES, HELLO, Gate, write_app
from tests.live.manager import Manager
from tests.live.server import Ended, Running, run, serve


def upgraded(done: Ended, workers: int = 2) -> int:
    """The new supervisor's pid."""
    assert done.code == 0, done.output
    ready = f"{workers} of {workers} workers ready"
    found = re.search(rf"^upgraded: supervisor (\d+) \(tonnage \S+\), {ready}$", done.stdout, re.MULTILINE)
    assert found, done.output
    return int(found[1])


def end(server: Running, *words: str, cwd: Path) -> None:
    """The one that serves now is nobody's child."""
    done = run("stop", *words, cwd=cwd)
    assert done.code == 0, done.output
    server.log.wait_for_end()


@pytest.mark.parametrize("words", [["--pid", "server.pid"], ["--control-socket", "control"]], ids=["pid", "named"])
def test_the_new_one_takes_over_address_pid_file_and_control_socket(
    tmp_path: Path, bind: str, words: list[str]
) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--workers", "2", *words, cwd=tmp_path, bind=bind) as server:
        write_app(tmp_path, HELLO.replace("hello", "hello again"))
        new = upgraded(run("upgrade", *words, cwd=tmp_path))
        assert server.process.wait() == 0
        assert new != server.pid
        assert server.get().text == "hello again\n"
        if words[0] == "--pid":
            assert (tmp_path / "server.pid").read_text() == f"{new}\n"
        assert f"supervisor {new} " in run("status", *words, cwd=tmp_path).stdout
        newest = upgraded(run("upgrade", *words, cwd=tmp_path))
        assert newest != new
        assert server.get().text == "hello again\n"
        end(server, *words, cwd=tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [("app.py", "raise RuntimeError('the database is not there')"), ("gunicorn.conf.py", "workers = = 2")],
)
def test_when_the_new_one_does_not_come_up_nothing_has_changed(tmp_path: Path, file: str, text: str) -> None:
    write_app(tmp_path, HELLO)
    words = ["--control-socket", "control"]
    with serve("app", *words, "--pid", "server.pid", cwd=tmp_path, tracebacks=True) as server:
        put(tmp_path / file, text)
        done = run("upgrade", *words, cwd=tmp_path)
        assert done.code == 1
        assert f"not upgraded, supervisor {server.pid} serves on: " in done.stderr
        assert server.get().text == "hello\n"
        assert (tmp_path / "server.pid").read_text() == f"{server.pid}\n"
        assert {path.name for path in tmp_path.iterdir()} >= {"control"}
        assert not (tmp_path / "control.2").exists()
        write_app(tmp_path, HELLO)
        (tmp_path / "gunicorn.conf.py").write_text("workers = 2\n")
        upgraded(run("upgrade", *words, cwd=tmp_path))
        end(server, *words, cwd=tmp_path)


def test_the_service_manager_is_told_whom_to_watch(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    words = ["--control-socket", "control"]
    with tempfile.TemporaryDirectory() as directory:
        manager = Manager(Path(directory, "notify"))
        with manager.sock, serve("app", "-w", "2", *words, cwd=tmp_path, env=manager.environ) as server:
            manager.hears("READY")
            new = upgraded(run("upgrade", *words, cwd=tmp_path))
            messages = manager.hears("MAINPID")
            assert messages[-1] == {"MAINPID": str(new)}
            assert not any("STOPPING" in message for message in messages)
            end(server, *words, cwd=tmp_path)
            assert manager.hears("STOPPING")


IN_AN_HEIR = (
    "import os\nif 'TONNAGE_HEIRLOOM' in os.environ:\n    pass_gate('heir')\n"  # before it looks at what it has
)
IN_ITS_WORKER = "if os.path.exists('upgrading'):\n    pass_gate('heir')\n"


@pytest.mark.parametrize("where", ["settings", "application"])
def test_the_old_one_may_end_before_the_new_one_serves(tmp_path: Path, bind: str, where: str) -> None:
    gate = Gate(tmp_path, "heir")
    application = GATES + "import os\n" + IN_ITS_WORKER + HELLO
    write_app(tmp_path, application if where == "application" else HELLO)
    (tmp_path / "gunicorn.conf.py").write_text(GATES + IN_AN_HEIR if where == "settings" else "")
    words = ["--pid", "server.pid"]
    with serve("app", *words, cwd=tmp_path, bind=bind) as server:
        (tmp_path / "upgrading").touch()
        server.signal(signal.SIGUSR2)
        gate.wait_until_reached()
        new = int(server.log.wait_for(r"Supervisor (\d+) is started beside this one")[0][1])
        server.signal(signal.SIGTERM)
        assert server.process.wait() == 0
        wire = server.connect()
        gate.open()
        assert wire.ask("GET", "/").text == "hello\n"
        server.log.wait_for(f"Supervisor {new} has taken over")
        server.log.wait_for(rf"Listening at: .* \({new}\)")
        end(server, *words, cwd=tmp_path)
        assert "Nobody could be told" not in server.log.text


def test_a_second_upgrade_is_refused_and_the_first_is_completed(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "heir")
    write_app(tmp_path, GATES + "import os\n" + IN_ITS_WORKER + HELLO)
    words = ["--control-socket", "control"]
    with serve("app", *words, cwd=tmp_path) as server, ThreadPoolExecutor() as beside:
        (tmp_path / "upgrading").touch()
        first = beside.submit(run, "upgrade", *words, cwd=tmp_path)
        gate.wait_until_reached()
        try:
            second = run("upgrade", *words, cwd=tmp_path)
            server.signal(signal.SIGUSR2)
            refused = server.log.wait_for(r"another upgrade is under way, supervisor (\d+)", times=2)
        finally:
            gate.open()
        new = upgraded(first.result(), workers=1)
        assert {int(line[1]) for line in refused} == {new}
        assert second.code == 1
        assert f"not upgraded, supervisor {server.pid} serves on: another upgrade is under way" in second.stderr
        assert server.process.wait() == 0
        assert server.get().text == "hello\n"
        end(server, *words, cwd=tmp_path)
