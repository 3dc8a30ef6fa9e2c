"""`tonnage check APP`."""

from __future__ import annotations

from tonnage.cli.serve import refuse_the_impossible
from tonnage.config.sources import Loaded


def run(loaded: Loaded) -> int:
    refuse_the_impossible(loaded)
    return 0
