"""What a manager hears: a fake one, at a path and under an abstract name."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tonnage.system.notify import Notifier, adopt, watchdog_s

PID = 42


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Its socket, and the $NOTIFY_SOCKET it sets."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        name = str(tmp_path / "notify")
        sock.bind(name if request.param == "path" else f"\0{name}")
        sock.settimeout(10)
        yield sock, name if request.param == "path" else f"@{name}"


def test_each_message_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name}, PID)
    assert notifier.reloading("Loading.", 12.5)
    assert notifier.ready("4 workers\nare ready.")
    assert notifier.status("Quiet.")
    assert notifier.alive()
    assert notifier.main_pid(99)
    assert notifier.stopping("Draining.")
    assert [sock.recv(4096).decode() for _ in range(6)] == [
        "RELOADING=1\nMONOTONIC_USEC=12500000\nSTATUS=Loading.",
        "READY=1\nSTATUS=4 workers are ready.",
        "STATUS=Quiet.",
        "WATCHDOG=1",
        "MAINPID=99",
        "STOPPING=1\nSTATUS=Draining.",
    ]
    notifier.close()
    notifier.close()


@pytest.mark.parametrize("name", ["", "relative", "vsock:2:1234", "/no/such/socket"])
def test_without_a_manager_nothing_is_sent_and_nothing_raised(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name} if name else {}, PID)
    assert not notifier.ready("Serving.")
    notifier.close()


def test_a_manager_that_does_not_read_holds_nobody_up(manager: tuple[socket.socket, str]) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager[1]}, PID)
    sent = [notifier.alive() for _ in range(10_000)]
    assert sent[0] is True
    assert sent[-1] is False
    manager[0].recv(4096)
    assert notifier.alive()
    notifier.close()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0", "WATCHDOG_PID": "42"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
    ],
)
def test_a_watchdog_is_for_the_process_it_names(environ: dict[str, str], expected: float | None) -> None:
    assert watchdog_s(environ, PID) == expected
    assert Notifier(environ, PID).beat_s == (None if expected is None else expected / 2)


def test_after_an_upgrade_the_watchdog_is_about_the_next_supervisor() -> None:
    environ = {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "42"}
    adopt(environ, 43)
    assert watchdog_s(environ, 43) == 1.0
    unwatched: dict[str, str] = {}
    adopt(unwatched, 43)
    assert unwatched == {}


CHILD = """
import os
from tonnage.system.notify import Notifier
notifier = Notifier(os.environ, os.getpid())
assert notifier.beat_s == 0.25, notifier.beat_s
assert notifier.ready("Serving.") and notifier.alive() and notifier.stopping("Bye.")
"""


def test_a_real_process_with_a_managers_environment(manager: tuple[socket.socket, str]) -> None:
    environ = os.environ | {"NOTIFY_SOCKET": manager[1], "WATCHDOG_USEC": "500000"}
    subprocess.run([sys.executable, "-c", CHILD], env=environ, check=True)
    assert manager[0].recv(4096) == b"READY=1\nSTATUS=Serving."
    assert manager[0].recv(4096) == b"WATCHDOG=1"
