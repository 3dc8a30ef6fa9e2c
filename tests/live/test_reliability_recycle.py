"""Workers are replaced by fresh ones, and the next is ready before the last has left."""

from pathlib import Path

from prove.peers import Peer
from prove.scenarios import Scenario
from tests.live.shows import assert_no_client_notices, parametrized


@parametrized("recycle-1", "recycle-2", "recycle-3", "recycle-4")
def test_no_client_waits_for_a_slow_import_when_workers_are_recycled(
    tmp_path: Path, scenario: Scenario, peer: Peer
) -> None:
    assert_no_client_notices(scenario, peer, tmp_path)
