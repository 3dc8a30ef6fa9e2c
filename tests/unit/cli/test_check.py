"""`tonnage check`, as one would run it. Port 0 is always free."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tonnage.cli import neighbour
from tonnage.cli.main import main
from tonnage.config.values import FdAddress, TcpAddress, UnixAddress

GOOD = "def application(environ, start_response): ...\nasync def asgi(scope, receive, send): ...\n"


@pytest.fixture
def check(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> "Check":
    (tmp_path / "good.py").write_text(GOOD)
    return Check(capfd)


class Check:
    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd = capfd
        self.out = self.err = ""

    def __call__(self, line: str) -> int:
        code = main(["check", *line.split()])
        self.out, self.err = self.capfd.readouterr()
        return code


def test_a_good_application_would_start(check: Check, tmp_path: Path) -> None:
    assert check(f"good -b 127.0.0.1:0 -b unix:{tmp_path}/s --pid {tmp_path}/p --access-logfile {tmp_path}/a") == 0
    assert "ok    application  good is loaded: WSGI\n" in check.out
    assert "ok    address      127.0.0.1:0 is free\n" in check.out
    assert check.out.endswith("it would start\n")
    assert check.err == ""
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["good.py"], (
        "nothing is left"
    )


@pytest.mark.parametrize(
    ("source", "text", "detail"),
    [
        ("1 / 0\n", "raised ZeroDivisionError: division by zero", "line 1, in <module>\n    1 / 0"),
        ("import sys; sys.exit(1)\n", "raised SystemExit: 1", "SystemExit: 1"),
        ("import os; os.kill(os.getpid(), 9)\n", "the process ended while loading it: was killed by SIGKILL", ""),
        ("import os; os._exit(3)\n", "the process ended while loading it: ", ""),
        ("import nowhere_at_all\n", "No module named 'nowhere_at_all'", "import nowhere_at_all"),
        ("aplication = 3\n", "bad.py defines no 'application' or 'app'", ""),
    ],
)
def test_a_bad_application_is_explained(check: Check, tmp_path: Path, source: str, text: str, detail: str) -> None:
    (tmp_path / "bad.py").write_text(source)
    assert check("bad -b 127.0.0.1:0") == 1
    (line,) = [line for line in check.out.splitlines() if line.startswith("FAIL")]
    assert line.startswith("FAIL  application  ")
    assert text in line
    assert check.out.endswith("1 problem\n")
    assert detail in check.err
    assert "importlib" not in check.err, "the traceback begins in the application"
    assert check.err or not detail


def test_an_import_that_hangs_is_given_up(check: Check, tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text("import threading; threading.Event().wait()\n")
    assert check("hangs -b 127.0.0.1:0 --boot-timeout 50ms") == 1
    assert "it is still being loaded after 0.05 s (limit: --boot-timeout)" in check.out


def test_the_application_finds_its_environment(check: Check, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "library.py").write_text("")
    (tmp_path / "sub" / "inner.py").write_text(
        "import os, library\nassert os.environ['MODE'] == 'x'\nassert os.getcwd().endswith('sub')\napp = print\n"
    )
    assert check(f"inner --chdir sub --pythonpath {tmp_path}/lib -e MODE=x -b 127.0.0.1:0") == 0
    assert "MODE" not in os.environ
    assert Path.cwd() == tmp_path


def test_what_the_application_prints_is_not_mixed_up(check: Check, tmp_path: Path) -> None:
    (tmp_path / "chatty.py").write_text("print('hello')\napplication = print\n")
    assert check("chatty -b 127.0.0.1:0") == 0
    assert (check.out.count("hello"), check.err.count("hello")) == (0, 1)


def test_the_logging_configuration_is_tried_too(check: Check) -> None:
    assert check("good -b 127.0.0.1:0 --log-config no.ini") == 1
    assert "logconfig = no.ini" in check.out


def test_the_admin_address_is_tried_too(check: Check) -> None:
    assert check("good -b 127.0.0.1:0 --admin-bind unix:/no/where/s") == 1
    assert "FAIL  address      " in check.out
    assert "/no/where/s" in check.out


def test_relative_files_and_sockets_are_looked_for_where_the_server_will_be(check: Check, tmp_path: Path) -> None:
    for directory in ("site/run", "site/logs"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "site" / "log.ini").write_text(LOG_INI)
    (tmp_path / "site" / "inner.py").write_text(GOOD)
    files = "--pid run/p --access-logfile logs/a --error-logfile logs/e --log-config log.ini"
    assert check(f"inner --chdir site -b unix:run/a.sock {files}") == 0, check.out
    assert "ok    address      unix:run/a.sock is free\n" in check.out
    assert list((tmp_path / "site" / "run").iterdir()) == list((tmp_path / "site" / "logs").iterdir()) == []
    assert Path.cwd() == tmp_path
    (tmp_path / "run").mkdir()
    (tmp_path / "site" / "run").rmdir()
    (tmp_path / "site" / "log.ini").rename(tmp_path / "log.ini")
    assert check(f"inner --chdir site -b unix:run/a.sock {files}") == 1
    failed = [line.split()[1] for line in check.out.splitlines() if line.startswith("FAIL")]
    assert failed == ["pidfile", "address", "application"], "those beside --chdir do not count"


LOG_INI = """
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys =
[logger_root]
handlers = console
[handler_console]
class = StreamHandler
"""


@pytest.mark.parametrize("flag", ["--access-logfile", "--error-logfile", "--pid"])
def test_a_directory_is_no_file(check: Check, tmp_path: Path, flag: str) -> None:
    (tmp_path / "directory").mkdir()
    assert check(f"good -b 127.0.0.1:0 {flag} directory") == 1
    assert "directory: is a directory; name a file\n" in check.out


def test_a_log_that_is_a_socket_cannot_be_opened(check: Check, tmp_path: Path) -> None:
    """As /dev/stdout is, where systemd has connected it to its journal."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "journal"))
        assert check("good -b 127.0.0.1:0 --error-logfile journal") == 1
    assert (
        "journal: is a socket, and cannot be opened as a file; for the standard output or error write -\n" in check.out
    )


def test_a_log_below_a_file_cannot_be_opened(check: Check) -> None:
    assert check("good -b 127.0.0.1:0 --access-logfile good.py/log") == 1
    assert "FAIL  accesslog    good.py/log: cannot be opened: Not a directory; choose another file\n" in check.out


# -- as somebody who is not root ---------------------------------------------------------------------------------------

NOBODY = 65534
PR_SET_DUMPABLE = 4

# All that is imported is imported as root: the interpreter may be in root's home. A process that has changed its user
# must be dumpable again, or its /dev/stdout is root's.
AS_NOBODY = f"""
import ctypes, io, os, sys
from contextlib import redirect_stdout
from tonnage.cli.main import main

with redirect_stdout(io.StringIO()):
    assert main(["check", "good", "-b", "127.0.0.1:0"]) == 0
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
    os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
    assert ctypes.CDLL(None).prctl({PR_SET_DUMPABLE}, 1, 0, 0, 0) == 0
reading, writing = os.pipe()
parent = os.dup(1)
os.dup2(writing, 1)
os.dup2(writing, 2)
code = main(["check", "good", "-b", "127.0.0.1:0", *sys.argv[1:]])
sys.stdout.flush()
for each in (1, 2, writing):
    os.close(each)
while piece := os.read(reading, 4096):
    os.write(parent, piece)
os._exit(code)
"""


class Ordinary:
    """`tonnage check` as a user without rights has it, its output in a pipe of its own: as in most containers."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.out = ""

    def __call__(self, line: str) -> int:
        ended = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, *line.split()],
            cwd=self.place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not ended.stderr, ended.stderr
        self.out = ended.stdout
        return ended.returncode


@pytest.fixture
def ordinary() -> Iterator[Ordinary]:
    with TemporaryDirectory() as name:  # pytest's own directories are closed to others
        place = Path(name)
        place.chmod(0o755)
        (place / "good.py").write_text(GOOD)
        yield Ordinary(place)


def test_an_ordinary_user_may_log_to_its_standard_output_by_name(ordinary: Ordinary) -> None:
    assert ordinary("--access-logfile /dev/stdout --error-logfile /dev/stderr") == 0, ordinary.out
    assert ordinary.out.endswith("it would start\n")


def test_a_log_that_is_there_must_be_writable_and_its_directory_need_not_be(ordinary: Ordinary) -> None:
    closed = ordinary.place / "closed"
    closed.mkdir()
    log = closed / "log"
    log.write_text("a line of before\n")
    log.chmod(0o666)
    closed.chmod(0o555)
    assert ordinary("--error-logfile closed/log") == 0, ordinary.out
    assert ordinary("--access-logfile closed/other") == 1
    assert f"FAIL  accesslog    closed/other: no file can be made in {closed.resolve()}; " in ordinary.out
    closed.chmod(0o777)
    log.chmod(0o444)
    assert ordinary("--error-logfile closed/log") == 1
    assert "FAIL  errorlog     closed/log: may not be written by user " in ordinary.out
    assert log.read_text() == "a line of before\n"


def test_a_link_to_a_log_that_is_not_there_yet_leads_to_where_it_will_be(ordinary: Ordinary) -> None:
    for name, mode in (("open", 0o777), ("closed", 0o555)):
        (ordinary.place / name).mkdir()
        (ordinary.place / f"to-{name}").symlink_to(f"{name}/log")
        (ordinary.place / name).chmod(mode)
    assert ordinary("--error-logfile to-open") == 0, ordinary.out
    assert ordinary("--error-logfile to-closed") == 1


def test_a_directory_that_may_not_be_entered_is_told(ordinary: Ordinary) -> None:
    (ordinary.place / "closed").mkdir(mode=0)
    assert ordinary("--chdir closed") == 1
    assert "closed may not be entered by user " in ordinary.out


def test_an_application_needs_a_worker_that_calls_it(check: Check) -> None:
    assert check("good:asgi -b 127.0.0.1:0 -k sync") == 1
    assert "good:asgi is an ASGI application; worker class sync calls WSGI ones" in check.out
    assert check("good -b 127.0.0.1:0 -k asgi") == 1
    assert "good is a WSGI application; worker class asgi calls ASGI ones" in check.out


def test_without_a_class_the_application_decides(check: Check) -> None:
    assert check("good:asgi -b 127.0.0.1:0") == 0
    assert "good:asgi is loaded: ASGI" in check.out


def test_all_problems_are_told_at_once(check: Check) -> None:
    assert check("-k tornado --certfile no.pem --pid /no/where/p -b unix:/no/where/s") == 1
    failed = [line.split()[1] for line in check.out.splitlines() if line.startswith("FAIL")]
    assert failed == ["settings", "pidfile", "TLS", "address", "application"]
    assert "5 problems" in check.out


def test_the_users_settings_that_have_no_effect_are_noted(check: Check) -> None:
    assert check("good -b 127.0.0.1:0 --spew") == 0
    assert "note: accepted but not built yet: spew" in check.out


def test_a_port_of_another_program_is_a_problem(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)  # it never answers
        port = other.getsockname()[1]
        assert check(f"good -b 127.0.0.1:{port}") == 1
    assert f"FAIL  address      cannot listen on 127.0.0.1:{port}: it is in use" in check.out


LISTEN = """
import socket, sys
family = socket.AF_UNIX if sys.argv[1] == "unix" else socket.AF_INET
sock = socket.socket(family)
sock.bind(sys.argv[2] if sys.argv[1] == "unix" else ("127.0.0.1", 0))
sock.listen()
print("" if sys.argv[1] == "unix" else sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["tcp", "unix"])
def running_tonnage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A process that is called tonnage and listens; its address."""
    program = tmp_path / "bin" / "tonnage"
    program.parent.mkdir()
    program.write_text(LISTEN)
    path = str(tmp_path / "socket")
    with subprocess.Popen(
        [sys.executable, str(program), request.param, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        yield f"127.0.0.1:{line}" if line else f"unix:{path}"
        process.communicate()
    shutil.rmtree(program.parent)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")
def test_an_address_of_a_running_tonnage_is_no_problem(check: Check, running_tonnage: str) -> None:
    assert check(f"good -b {running_tonnage}") == 0
    assert f"ok    address      {running_tonnage} is held by a running Tonnage (process " in check.out


ANSWER = """
import socket, sys
sock = socket.create_server(("127.0.0.1", 0))
print(sock.getsockname()[1], flush=True)
peer, _ = sock.accept()
assert peer.recv(100) == b"tonnage check\\r\\n\\r\\n"
peer.sendall(f"HTTP/1.1 400 Bad Request\\r\\nServer: {sys.argv[1]}\\r\\n\\r\\n".encode())
peer.close()
"""


@pytest.mark.parametrize(("name", "is_ours"), [("tonnage", True), ("nginx", False)])
def test_where_proc_is_silent_the_refusal_tells(monkeypatch: pytest.MonkeyPatch, name: str, is_ours: bool) -> None:
    monkeypatch.setattr(neighbour, "tcp_holder", lambda port: None)
    with subprocess.Popen([sys.executable, "-c", ANSWER, name], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = neighbour.running_tonnage(TcpAddress("", int(server.stdout.readline())))
    assert bool(found) is is_ours
    assert server.returncode == 0


def test_nobody_is_not_tonnage(tmp_path: Path) -> None:
    assert neighbour.running_tonnage(FdAddress(0)) is None
    assert neighbour.running_tonnage(UnixAddress(str(tmp_path / "none"))) is None


@pytest.mark.parametrize(
    ("line", "is_ours"),
    [
        (b"/venv/bin/python\0/venv/bin/tonnage\0site.wsgi\0", True),
        (b"python\0-m\0tonnage\0site.wsgi\0", True),
        (b"tonnage: supervisor [site]\0\0", True),
        (b"/venv/bin/gunicorn\0tonnage.wsgi\0", False),
        (b"vim\0/src/tonnage/serve.py\0", False),
        (b"python\0my-tonnage\0", False),
    ],
)
def test_a_command_line_is_ours_by_the_name_of_the_program(line: bytes, is_ours: bool) -> None:
    assert (neighbour.OURS.search(line) is not None) is is_ours
