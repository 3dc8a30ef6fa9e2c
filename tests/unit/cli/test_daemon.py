"""`--daemon`: what the shell sees. A server stands in for the real one, which the live tests start."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from tonnage import serve
from tonnage.cli.main import main

def ready(loaded):
    os.write(loaded.config.ready_fd, b"http://127.0.0.1:1\\n")
    os.close(loaded.config.ready_fd)
    report = f"{os.getsid(0) == os.getpid()} {os.fstat(1).st_rdev == os.stat(os.devnull).st_rdev}"
    os.write(int(os.environ["TELL"]), report.encode())
    return 0

def failing(loaded):
    print("said", file=sys.stderr)
    return 3

def crashing(loaded):
    os.kill(os.getpid(), 9)

serve.serve = {"ready": ready, "failing": failing, "crashing": crashing}[sys.argv.pop(1)]
sys.exit(main())
"""


def run(kind: str, *flags: str) -> tuple[int, str, str]:
    """Exit code, what the terminal shows, and what the server had to tell at its end."""
    reading, writing = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, "app", "--daemon", *flags],
        capture_output=True,
        text=True,
        check=False,
        pass_fds=[writing],
        env={**os.environ, "TELL": str(writing)},
    )
    os.close(writing)
    with os.fdopen(reading) as told:
        return done.returncode, done.stdout + done.stderr, told.read()


def test_the_command_returns_when_a_worker_is_ready() -> None:
    assert run("ready") == (0, "", "True True")


def test_the_terminal_can_be_kept_for_output() -> None:
    assert run("ready", "-R") == (0, "", "True False")


@pytest.mark.parametrize(("kind", "code"), [("failing", 3), ("crashing", 1)])
def test_the_command_returns_with_the_code_of_the_failure(kind: str, code: int) -> None:
    found, shown, _ = run(kind)
    assert found == code
    assert "it ended before a worker was ready" in shown
    assert "--error-logfile" in shown
    assert "said" not in shown


def test_what_it_says_can_be_seen_on_the_terminal() -> None:
    assert "said" in run("failing", "--enable-stdio-inheritance")[1]


def test_whoever_asked_to_be_told_is_told_instead_of_the_terminal() -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "-c", PROGRAM, "ready", "app", "-D", "--ready-fd", str(writing)]
    subprocess.run(
        command, check=True, pass_fds=[writing], env={**os.environ, "TELL": str(writing)}, capture_output=True
    )
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.readline() == "http://127.0.0.1:1\n"
