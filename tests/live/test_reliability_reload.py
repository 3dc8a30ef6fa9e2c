"""New code without a lost request, and no new code that does not work."""

from pathlib import Path

from prove.peers import Peer
from prove.scenarios import Scenario
from tests.live.shows import assert_no_client_notices, parametrized


@parametrized(
    "reload",
    "reload-import-error",
    "reload-error-kill",
    "reload-settings",
    "reload-hang",
    "reload-exit",
    "reload-crash",
)
def test_no_client_notices_a_reload_whatever_the_new_code_is(tmp_path: Path, scenario: Scenario, peer: Peer) -> None:
    assert_no_client_notices(scenario, peer, tmp_path)
