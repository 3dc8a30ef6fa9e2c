"""`tonnage reload`: have a running server load code and settings again; wait, and say how it went.

With `--wait-bake` until the new generation has proved itself (--reload-bake), or was given up for the one before it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tonnage.cli import target
from tonnage.control.requests import Reload
from tonnage.errors import ControlError


def run(words: Sequence[str]) -> int:
    """Raises ControlError when the server goes on as it was."""
    found = target.split(words, "--wait-bake")
    client, _ = target.connect(found)
    with client:
        try:
            done = target.follow(client, Reload(bake="--wait-bake" in found.switches))
        except KeyboardInterrupt:
            print("tonnage: the reload goes on; nobody watches it now", file=sys.stderr)
            raise
    if not done.ok:
        raise ControlError(f"not reloaded: {target.printable(done.reason)}")
    print(f"reloaded: {target.printable(done.reason)}")
    return 0
