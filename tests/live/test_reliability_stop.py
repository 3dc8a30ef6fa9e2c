"""A stop serves everybody who was there before it, also who waited in the kernel's accept queue."""

import signal
import socket
from pathlib import Path

from prove.peers import Peer
from prove.scenarios import Scenario
from tests.live.apps import HELLO, write_app
from tests.live.server import Running, serve
from tests.live.shows import assert_no_client_notices, parametrized


@parametrized("stop-queue")
def test_requests_that_wait_in_the_accept_queue_are_answered_by_a_server_that_stops(
    tmp_path: Path, scenario: Scenario, peer: Peer
) -> None:
    assert_no_client_notices(scenario, peer, tmp_path)


def test_who_comes_after_a_stop_is_refused_at_once_while_earlier_clients_are_still_served(
    tmp_path: Path, workers: list[str]
) -> None:
    """Instead of a connection that nobody will ever take, and a reset when the last worker ends."""
    write_app(tmp_path, HELLO)
    with serve("app", *workers, cwd=tmp_path) as server:
        kept = server.connect()
        assert kept.ask("GET", "/").status == 200
        server.signal(signal.SIGTERM)
        while is_listening(server):
            pass
        assert kept.ask("GET", "/").status == 200
        assert server.wait() == 0


def is_listening(server: Running) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(server.address) == 0
