"""How many tasks and descriptors a worker has, and whether all of them went that came meanwhile.

The worker must serve `/facts` as the applications of asgi_app.py and talkers.py do, alone, and nothing else may be
under way when the census is made.
"""

import json
from time import monotonic

from tests.live.server import PATIENCE_S, Running
from tests.live.wire import Wire

STEADY = 20  # looks in a row: each is a turn of the loop and more, and what is just ending needs two or three

Facts = dict[str, int]


class Census:
    def __init__(self, server: Running) -> None:
        """When nothing is under way: not even the end of an earlier connection is counted."""
        self._server = server
        self.start = self.settled("tasks", "fds")

    def settled(self, *names: str) -> Facts:
        """The facts, once many looks in a row have shown the same."""
        with self._server.connect() as wire:
            last, same = _look(wire), 1
            while same < STEADY:
                now = _look(wire)
                same = same + 1 if all(now[name] == last[name] for name in names) else 1
                last = now
        return last

    def wait_until_back(self) -> None:
        """Until there are exactly as many as at the start, in the same worker."""
        deadline = monotonic() + PATIENCE_S
        with self._server.connect() as wire:
            while (now := _look(wire)) and any(now[name] != self.start[name] for name in ("tasks", "fds")):
                assert now["pid"] == self.start["pid"]
                assert monotonic() < deadline, f"{self.start} became {now}"


def facts(server: Running) -> Facts:
    with server.connect() as wire:
        return _look(wire)


def _look(wire: Wire) -> Facts:
    """On one connection, so that looking opens nothing."""
    told: Facts = json.loads(wire.ask("GET", "/facts").text)
    return told
