"""What does not survive a fork is named; what we know how to close is closed."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from tonnage.system.audit import what_does_not_survive


@pytest.fixture
def said() -> Callable[..., list[str]]:
    """What is new since the test began: a test runner has threads and connections of its own."""
    before = what_does_not_survive()
    return lambda ours=(): [warning for warning in what_does_not_survive(ours) if warning not in before]


def test_nothing_to_say() -> None:
    source = "from tonnage.system.audit import what_does_not_survive as audit; print(audit())"
    told = subprocess.run([sys.executable, "-c", source], check=True, capture_output=True, text=True)
    assert told.stdout == "[]\n"


def test_a_thread_is_named(said: Callable[..., list[str]]) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="poller")
    thread.start()
    (warning,) = said()
    over.set()
    thread.join()
    assert "the thread 'poller' (threading.Thread) runs in the zygote only" in warning


def test_a_connection_is_named_with_its_peer_and_a_listener_is_not(said: Callable[..., list[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            (warning,) = said()
            assert f"the connection to 127.0.0.1:{port} (descriptor {client.fileno()}) would be shared" in warning
            assert said([client.fileno()]) == [], "one of the server's own"


def test_a_pair_within_the_process_is_nobodys_connection(said: Callable[..., list[str]]) -> None:
    here, there = socket.socketpair()
    with here, there:
        assert said() == []


def test_open_database_connections_of_django_are_closed(
    monkeypatch: pytest.MonkeyPatch, said: Callable[..., list[str]]
) -> None:
    closed: list[str] = []

    def connection(alias: str, raw: object) -> SimpleNamespace:
        return SimpleNamespace(alias=alias, connection=raw, close=lambda: closed.append(alias))

    module = ModuleType("django.db")
    connections = [connection("default", object()), connection("never used", None)]
    module.connections = SimpleNamespace(all=lambda initialized_only: connections)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django.db", module)
    (warning,) = said()
    assert closed == ["default"]
    assert "Django's database connection 'default' was open after the import; it is closed now" in warning
