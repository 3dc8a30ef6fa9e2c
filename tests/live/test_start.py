"""What an operator sees when it does not start: the exit code, the reason once, what to do, and nothing left behind."""

import contextlib
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.live.apps import HELLO, Gate, write_app
from tests.live.server import PATIENCE_S, TCP, Log, Running, read_ready, run, serve, start
from tonnage.system.processes import wait_gone

RAISES = "import json\nraise RuntimeError('the database is on holiday')\n"


def leftovers(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.suffix in {".sock", ".pid"})


@pytest.mark.parametrize("count", [1, 3])
def test_an_app_whose_import_raises_ends_with_3_and_one_traceback(tmp_path: Path, count: int) -> None:
    write_app(tmp_path, RAISES)
    ended = run("app", "--bind", "unix:app.sock", "--pid", "app.pid", "--workers", str(count), cwd=tmp_path)
    assert ended.code == 3, ended.output
    assert "RuntimeError: the database is on holiday" in ended.output
    assert ended.output.count("Traceback") == 1, ended.output
    assert 'app.py", line 2' in ended.output
    assert "Listening at" not in ended.output
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("flags", [[], ["--preload"], ["-c", "hook.conf.py"]])
def test_an_exception_of_very_many_words_is_told_with_the_first_and_the_last(tmp_path: Path, flags: list[str]) -> None:
    raises = "raise ValueError('bad config: ' + '{key: value} ' * 9000 + 'mend it')\n"
    write_app(tmp_path, HELLO if "-c" in flags else raises)
    (tmp_path / "hook.conf.py").write_text(f"def post_fork(server, worker):\n    {raises}")
    ended = run("app", "--bind", TCP, *flags, cwd=tmp_path)
    assert ended.code == 3, ended.output
    (line,) = [line for line in ended.output.splitlines() if "failed to boot" in line]
    assert "bad config: {key: value}" in line
    assert "{key: value} mend it" in line
    assert len(line) < 2_000
    assert "in <module>" in ended.output or "in post_fork" in ended.output
    assert "too long to send" not in ended.output


def test_a_module_that_does_not_exist_ends_with_3_and_says_where_it_was_looked_for(tmp_path: Path) -> None:
    ended = run("nowhere.wsgi", "--bind", TCP, cwd=tmp_path)
    assert ended.code == 3, ended.output
    assert "no module 'nowhere'" in ended.output
    assert str(tmp_path) in ended.output


@pytest.mark.parametrize("spec", ["app:nothing", "app:application.nothing", "app:HELLO", "app:application("])
def test_an_app_that_is_not_there_ends_with_4(tmp_path: Path, spec: str) -> None:
    write_app(tmp_path, HELLO + "HELLO = 'not an application'\n")
    ended = run(spec, "--bind", "unix:app.sock", "--pid", "app.pid", cwd=tmp_path)
    assert ended.code == 4, ended.output
    assert "Traceback" not in ended.output
    assert leftovers(tmp_path) == []


def test_a_name_that_is_not_there_is_answered_with_the_file_and_what_it_defines(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO.replace("application", "aplication"))
    ended = run("app", "--bind", TCP, cwd=tmp_path)
    assert ended.code == 4, ended.output
    assert str(tmp_path / "app.py") in ended.output
    assert "aplication" in ended.output


def test_a_worker_that_leaves_while_it_imports_the_app_is_a_failed_boot(tmp_path: Path) -> None:
    write_app(tmp_path, "import os\nos._exit(0)\n")
    ended = run("app", "--bind", TCP, cwd=tmp_path)
    assert ended.code == 3, ended.output
    assert "before it was ready" in ended.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("flags", [[], ["--preload"]])
def test_a_stop_of_all_processes_while_they_load_is_a_stop(tmp_path: Path, flags: list[str], number: int) -> None:
    """As by Ctrl-C; the supervisor stands still meanwhile, and learns of all of it at once."""
    gate = Gate(write_app(tmp_path, "from gates import pass_gate\npass_gate('loads')\n"), "loads")
    process, ready = start("app", "--bind", TCP, *flags, cwd=tmp_path)
    assert process.stdout is not None
    server = Running(process, (), Log(process.stdout))
    try:
        gate.wait_until_reached()
        process.send_signal(signal.SIGSTOP)
        loading = server.workers()
        os.killpg(process.pid, number)
        assert wait_gone(loading, PATIENCE_S) == []
        process.send_signal(signal.SIGCONT)
        assert read_ready(ready) == []
        assert server.wait() == 0, server.log.text
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_worker_that_is_killed_while_it_loads_is_a_failed_boot(tmp_path: Path) -> None:
    write_app(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
    ended = run("app", "--bind", TCP, cwd=tmp_path)
    assert ended.code == 3, ended.output
    assert "it was killed by SIGTERM before it was ready" in ended.output


@pytest.mark.parametrize("flags", [["--nosuch"], ["--workers", "many"], ["--threads"]])
def test_a_command_line_that_cannot_be_read_ends_with_2_and_names_the_flag(tmp_path: Path, flags: list[str]) -> None:
    write_app(tmp_path, HELLO)
    ended = run("app", *flags, cwd=tmp_path)
    assert ended.code == 2, ended.output
    assert flags[0] in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("workers = 0", ["workers", "0"]),
        ("worker_class = 'nosuch'", ["worker_class", "nosuch", "gthread"]),
        ("bind = 'here:there'", ["bind", "here:there"]),
        ("keepalive = 'long'", ["keepalive", "long"]),
    ],
)
def test_a_setting_with_a_bad_value_ends_with_1_and_names_setting_value_and_file(
    tmp_path: Path, line: str, words: list[str]
) -> None:
    write_app(tmp_path, HELLO)
    (tmp_path / "gunicorn.conf.py").write_text(line + "\n")
    ended = run("app", cwd=tmp_path)
    assert ended.code == 1, ended.output
    for word in [*words, "gunicorn.conf.py"]:
        assert word in ended.output
    assert "Traceback" not in ended.output


def test_no_app_at_all_ends_with_an_explanation(tmp_path: Path) -> None:
    ended = run(cwd=tmp_path)
    assert ended.code in (1, 2), ended.output
    assert "tonnage mysite.wsgi" in ended.output
    assert "Traceback" not in ended.output


def test_an_address_in_use_ends_with_1_and_names_the_address(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        ended = run("app", "--bind", f"127.0.0.1:{port}", "--pid", "app.pid", cwd=tmp_path)
    assert ended.code == 1, ended.output
    assert f"127.0.0.1:{port}" in ended.output
    assert "Traceback" not in ended.output
    assert leftovers(tmp_path) == []


def test_a_socket_file_on_which_somebody_listens_is_left_alone(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", cwd=tmp_path, bind=f"unix:{tmp_path}/app.sock") as server:
        ended = run("app", "--bind", f"unix:{tmp_path}/app.sock", cwd=tmp_path)
        assert ended.code == 1, ended.output
        assert "app.sock" in ended.output
        assert server.get().text == "hello\n"


def test_a_socket_file_that_nobody_serves_any_more_is_replaced(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / "app.sock"))
    with serve("app", cwd=tmp_path, bind=f"unix:{tmp_path}/app.sock") as server:
        assert server.get().text == "hello\n"


def test_a_second_server_with_the_same_pid_file_is_refused_and_the_first_keeps_it(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--pid", "app.pid", cwd=tmp_path) as server:
        ended = run("app", "--bind", TCP, "--pid", "app.pid", cwd=tmp_path)
        assert ended.code == 1, ended.output
        assert str(server.pid) in ended.output
        assert (tmp_path / "app.pid").read_text().strip() == str(server.pid)


def test_socket_file_and_pid_file_are_there_while_it_serves_and_gone_afterwards(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--pid", "app.pid", cwd=tmp_path, bind=f"unix:{tmp_path}/app.sock") as server:
        assert leftovers(tmp_path) == ["app.pid", "app.sock"]
        assert (tmp_path / "app.pid").read_text().strip() == str(server.pid)
    assert leftovers(tmp_path) == []
