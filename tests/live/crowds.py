"""Many clients that ask without a pause, and what is seen meanwhile."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.live.server import PATIENCE_S, Running

CLIENTS = 40


class Seen:
    """Numbers as they come, from several threads; who waits for one is woken by it."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self._grown = threading.Condition()

    def add(self, number: int) -> None:
        with self._grown:
            self.numbers.add(number)
            self._grown.notify_all()

    def wait_for(self, number: int) -> None:
        with self._grown:
            found = self._grown.wait_for(lambda: number in self.numbers, PATIENCE_S)
        assert found, f"{number} did not come, but {sorted(self.numbers)}"


@contextmanager
def crowd(server: Running) -> Iterator[Seen]:
    """So many clients at once until the block ends; the statuses they get."""
    statuses = Seen()
    with during(lambda: statuses.add(server.get("/").status), CLIENTS):
        yield statuses


@contextmanager
def during(work: Callable[[], None], times: int = 1) -> Iterator[None]:
    """So many threads that do it over and over until the block ends; what goes wrong in one is raised at the end."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            work()

    with ThreadPoolExecutor(times) as threads:
        running = [threads.submit(repeat) for _ in range(times)]
        try:
            yield
        finally:
            stop.set()
    for each in running:
        each.result()
