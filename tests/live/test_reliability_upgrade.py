"""Another supervisor, another number of workers: the listeners stay, and so does whoever waits at them."""

from pathlib import Path

from prove.peers import Peer
from prove.scenarios import Scenario
from tests.live.shows import assert_no_client_notices, parametrized


@parametrized("upgrade", "rollback")
def test_no_client_notices_that_a_new_supervisor_takes_over_or_is_sent_away(
    tmp_path: Path, scenario: Scenario, peer: Peer
) -> None:
    assert_no_client_notices(scenario, peer, tmp_path)


@parametrized("scale")
def test_no_client_notices_more_workers_or_fewer(tmp_path: Path, scenario: Scenario, peer: Peer) -> None:
    assert_no_client_notices(scenario, peer, tmp_path)
