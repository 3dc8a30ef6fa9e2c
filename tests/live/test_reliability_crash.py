"""Who is killed with -9 takes along what was inside, and nothing else."""

import signal
from pathlib import Path

import pytest

from prove.peers import Peer
from prove.scenarios import Scenario
from tests.live.apps import HELD, HELLO, Gate, write_app
from tests.live.server import serve
from tests.live.shows import assert_no_client_notices, parametrized


def test_a_supervisor_that_is_killed_costs_no_request_and_its_address_is_free(
    tmp_path: Path, workers: list[str], bind: str
) -> None:
    write_app(tmp_path, HELD)
    gate = Gate(tmp_path, "held")
    with serve("app", *workers, cwd=tmp_path, bind=bind, expected=-signal.SIGKILL) as server:
        wire = server.connect()
        wire.send(b"GET /held HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        gate.wait_until_reached()
        queued = server.connect()
        queued.send(b"GET /queued HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        server.signal(signal.SIGKILL)
        gate.open()
        assert wire.reply().text == "held until now\n"
        assert queued.reply().text == "at once\n"
        assert server.wait() == -signal.SIGKILL
        address = server.urls[0].removeprefix("http://")
    with serve("app", *workers, cwd=tmp_path, bind=address) as server:
        assert server.get().text == "at once\n"


# Hangs at import once it is told to: in Python, or in compiled code that keeps the interpreter and every signal.
HANGS = """
import ctypes, os, signal
from gates import pass_gate

if os.path.exists("python"):
    pass_gate("hung")
elif os.path.exists("compiled"):
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    open("hung.reached", "wb").close()
    ctypes.PyDLL(None).pause()
"""


@pytest.mark.parametrize("how", ["python", "compiled"])
@pytest.mark.parametrize("preload", [False, True])
def test_a_supervisor_that_is_killed_takes_along_who_hangs_at_import(
    tmp_path: Path, workers: list[str], how: str, *, preload: bool
) -> None:
    gate = Gate(write_app(tmp_path, HANGS + HELLO), "hung")
    flags = [*workers, *(["--preload"] if preload else [])]
    with serve("app", *flags, cwd=tmp_path, expected=-signal.SIGKILL) as server:
        (tmp_path / how).touch()
        server.signal(signal.SIGHUP)
        gate.wait_until_reached()
        server.signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL


@parametrized("kill-worker", "kill-supervisor", "kill-zygote")
def test_who_is_killed_takes_along_what_was_inside_and_nothing_else(
    tmp_path: Path, scenario: Scenario, peer: Peer
) -> None:
    assert_no_client_notices(scenario, peer, tmp_path)
