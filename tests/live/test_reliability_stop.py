"""A stop serves everybody who was there before it, also who waited in the kernel's accept queue."""

from pathlib import Path

from prove.peers import Peer
from prove.scenarios import Scenario
from tests.live.shows import assert_no_client_notices, parametrized


@parametrized("stop-queue")
def test_requests_that_wait_in_the_accept_queue_are_answered_by_a_server_that_stops(
    tmp_path: Path, scenario: Scenario, peer: Peer
) -> None:
    assert_no_client_notices(scenario, peer, tmp_path)
