"""The kernel's figure equals the connections that the test has opened."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tonnage.system.queues import Queue, accept_queue

BACKLOG = 7
TCP = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]


def check(listener: socket.socket) -> None:
    """Three come, one is accepted, one more comes."""
    with listener, ExitStack() as stack:
        listener.listen(BACKLOG)
        assert accept_queue(listener) == Queue(0, BACKLOG)

        def connect() -> None:
            client = stack.enter_context(socket.socket(listener.family))
            client.connect(listener.getsockname())

        for _ in range(3):
            connect()
        assert accept_queue(listener) == Queue(3, BACKLOG)
        stack.enter_context(listener.accept()[0])
        assert accept_queue(listener) == Queue(2, BACKLOG)
        connect()
        assert accept_queue(listener) == Queue(3, BACKLOG)


@pytest.mark.parametrize(("family", "host"), TCP)
def test_tcp(family: socket.AddressFamily, host: str) -> None:
    listener = socket.socket(family)
    try:
        listener.bind((host, 0))
    except OSError as exc:
        listener.close()
        pytest.skip(f"{host}: {exc}")
    check(listener)


def test_unix(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    check(listener)


def test_unix_of_an_abstract_name(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0tonnage-test-{tmp_path}")
    check(listener)


def test_the_limit_is_what_the_kernel_made_of_the_backlog() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1 << 30) as listener:
        most = int(Path("/proc/sys/net/core/somaxconn").read_text())
        assert accept_queue(listener).limit == most


def test_a_socket_that_the_kernel_does_not_know_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.setattr("os.fstat", lambda _: Path("/").stat())
        with pytest.raises(OSError, match="does not tell the accept queue"):
            accept_queue(listener)
