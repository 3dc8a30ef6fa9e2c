"""The shows of prove/, short: a load at a fixed rate, through TCP, a Unix socket and nginx, while something happens.

Nothing is asserted about time here: `scripts/prove` judges that, on a machine that does nothing else.
"""

from pathlib import Path

import pytest

from prove.peers import PEERS, Peer
from prove.scenarios import SCENARIOS, Scenario
from prove.show import show
from prove.stage import SHORT

OURS = [peer for peer in PEERS if peer.is_ours]


def parametrized(*names: str) -> pytest.MarkDecorator:
    """These scenarios with each of our worker classes."""
    wanted = [scenario for scenario in SCENARIOS if scenario.name in names]
    assert len(wanted) == len(names)
    both = [pytest.param(scenario, peer, id=f"{scenario.name}, {peer.name}") for scenario in wanted for peer in OURS]
    return pytest.mark.parametrize(("scenario", "peer"), both)


def assert_no_client_notices(scenario: Scenario, peer: Peer, directory: Path) -> None:
    found, _ = show(scenario, peer, SHORT, directory)
    log = (directory / "server" / "log").read_text()
    assert found.requests > 0
    assert (found.lost, found.flaws) == (0, []), "\n".join([*found.flaws, *found.failures, log])
