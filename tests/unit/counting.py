"""A request that a worker has answered, as its scoreboard shows it."""

from tonnage.system.scoreboard import Slot
from tonnage.workers.counts import Counts


def count(slot: Slot, status: int, service_ns: int, sent: int) -> None:
    counts = Counts(slot)
    counts.count(str(status), service_ns, sent)
    counts.publish()
