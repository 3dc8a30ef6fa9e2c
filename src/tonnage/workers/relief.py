"""While the application holds the loop's only thread, requests that come on kept connections go to idle siblings.

When a request has taken SLOW_NS, a second thread watches the same poller and gives each kept connection on which
something arrives to the siblings, see system/baton.py. It and the loop never run at the same time: the loop holds
`turn` except while the application runs. It listens for no new connections: an idle sibling takes those from the
accept queue by itself.
"""

from __future__ import annotations

import threading
import time

from tonnage.system.baton import Baton, Passed
from tonnage.workers.client import Client, Phase
from tonnage.workers.clients import Clients
from tonnage.workers.poller import Poller
from tonnage.workers.pool import Inline
from tonnage.workers.reception import Reception
from tonnage.workers.siblings import Siblings

SLOW_NS = 2_000_000  # passing a connection costs about 50 us in each of two workers; far below what it would wait
LOOK_S = 0.001  # while requests come and there are siblings
IDLE_LOOK_S = 0.1
PAUSE_S = 0.005


class Relief:
    def __init__(
        self, inline: Inline, clients: Clients, reception: Reception, poller: Poller, baton: Baton, siblings: Siblings
    ) -> None:
        self._inline = inline
        self._clients = clients
        self._reception = reception
        self._poller = poller
        self._baton = baton
        self._siblings = siblings

    def start(self) -> None:
        threading.Thread(target=self._run, name="relief", daemon=True).start()

    def _run(self) -> None:
        inline, served = self._inline, 0
        while True:
            is_used = inline.served != served or inline.running[0] is not None
            time.sleep(LOOK_S if is_used and self._reception.siblings else IDLE_LOOK_S)
            served = inline.served
            if self._is_slow():
                self._stand_in(served)

    def _is_slow(self) -> bool:
        exchange = self._inline.running[0]
        if exchange is None or time.monotonic_ns() - exchange.began_ns < SLOW_NS:
            return False
        return self._siblings.exist()

    def _stand_in(self, served: int) -> None:
        """Until the application returns; then the loop must not wait for us, so `turn` is only held for moments."""
        inline = self._inline
        while inline.served == served and inline.running[0] is not None:
            if inline.turn.acquire(blocking=False):
                try:
                    if inline.served == served and inline.running[0] is not None:
                        self._reception.pause()
                        for client in self._stirring():
                            self._pass_on(client)
                finally:
                    inline.turn.release()
            time.sleep(PAUSE_S)

    def _stirring(self) -> list[Client]:
        found = (self._clients.open.get(fd) for fd, _ in self._poller.poll(0))
        return [client for client in found if client is not None and client.phase in (Phase.KEPT, Phase.FRESH)]

    def _pass_on(self, client: Client) -> None:
        if self._baton.give(Passed(client.fd, client.door.url, client.peer)):
            self._clients.ignore(client)  # the poller watches the connection, not our descriptor of it
            self._clients.close(client)  # our copy: the connection lives on in who takes the other
