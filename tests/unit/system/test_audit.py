"""What does not survive a fork is named; what we know how to close is closed."""

import socket
import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest

from tonnage.system.audit import what_does_not_survive


def test_nothing_to_say() -> None:
    assert what_does_not_survive() == []


def test_a_thread_is_named() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="poller")
    thread.start()
    (warning,) = what_does_not_survive()
    over.set()
    thread.join()
    assert "the thread 'poller' (threading.Thread) runs in the zygote only" in warning


def test_a_connection_is_named_with_its_peer_and_a_listener_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            (warning,) = what_does_not_survive()
            assert f"the connection to 127.0.0.1:{port} (descriptor {client.fileno()}) would be shared" in warning
            assert what_does_not_survive([client.fileno()]) == [], "one of the server's own"


def test_a_pair_within_the_process_is_nobodys_connection() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert what_does_not_survive() == []


def test_open_database_connections_of_django_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def connection(alias: str, raw: object) -> SimpleNamespace:
        return SimpleNamespace(alias=alias, connection=raw, close=lambda: closed.append(alias))

    module = ModuleType("django.db")
    connections = [connection("default", object()), connection("never used", None)]
    module.connections = SimpleNamespace(all=lambda initialized_only: connections)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django.db", module)
    (warning,) = what_does_not_survive()
    assert closed == ["default"]
    assert "Django's database connection 'default' was open after the import; it is closed now" in warning
