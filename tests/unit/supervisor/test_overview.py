"""The policy's state and the scoreboard, as an operator sees them."""

import os

from tests.unit.counting import count
from tonnage import __version__
from tonnage.control.overview import Advice, InFlight, ListenerView, Restarts, WorkerView
from tonnage.supervisor.facts import Tick, WorkerReady
from tonnage.supervisor.ledger import NOTHING, SERVICE
from tonnage.supervisor.overview import Seen, overview
from tonnage.supervisor.policy import step
from tonnage.supervisor.rates import GIL_LOOKS, GIL_WAIT, REQUESTS, Rates
from tonnage.supervisor.state import Rules, first
from tonnage.system.histogram import bucket
from tonnage.system.queues import Queue
from tonnage.system.scoreboard import Cell, Scoreboard

FOUND = {REQUESTS: 70, GIL_WAIT: 50_000_000, GIL_LOOKS: 10, SERVICE.start + bucket(1000): 70}
COUNTED = tuple(FOUND.get(at, 0) for at in range(len(NOTHING)))


def test_every_worker_stands_in_it_with_what_it_does() -> None:
    state = first(Rules(slots=8, boot_at_once=8), 2)
    for fact in (Tick(), Tick()):
        step(state, fact, 100.0)
    step(state, WorkerReady(2), 105.0)
    scoreboard = Scoreboard(8, threads=2)
    slot = scoreboard.slot(1)
    slot.cells[Cell.CONNECTIONS] = 3
    count(slot, 200, 1000, 10)
    slot.begin(0, int(108.5e9), b"GET /later HTTP/1.1")
    slot.begin(1, int(107e9), b"GET /caf\xe9 HTTP/1.1")
    seen = overview(
        state,
        Seen(
            readings={1: scoreboard.read(0), 2: scoreboard.read(1)},
            pids={1: 1001, 2: 1002},
            queues={"http://a": Queue(2, 5), "http://b": None},
            sizes={2: 1 << 20},
            threads=2,
            rates={2: Rates(7.0, 1.0, 0.25, COUNTED)},
            whole=Rates(7.0, 1.0, 0.25, COUNTED),
            counts=COUNTED,
            peaks={"http://a": 4},
            restarts=(Restarts("crash", 3),),
            capped=(Advice("workers", "add one"),),
            cpus=0.5,
        ),
        90.0,
        110.0,
        1.7e9,
    )
    assert (seen.version, seen.pid, seen.mode, seen.generation) == (__version__, os.getpid(), "serving", 1)
    assert (seen.want, seen.ready, seen.uptime_s) == (2, 1, 20.0)
    assert seen.listeners == (ListenerView("http://a", 2, 5, 4), ListenerView("http://b", None, None))
    assert (seen.rps, seen.busy, seen.cpu, seen.headroom, seen.unix_s) == (7.0, 0.5, 0.25, 0.5, 1.7e9)
    assert (seen.restarts, seen.capped) == ((Restarts("crash", 3),), (Advice("workers", "add one"),))
    assert (seen.totals.requests, seen.totals.service.counts, seen.in_flight) == (70, (70,), 2)
    assert 0.8e-3 <= seen.service.p50_s <= seen.service.p99_s <= 1.3e-3
    waiting, serving = seen.workers
    assert waiting == WorkerView(1001, 0, 1, 1, "booting", 10.0, 0, 0, ())
    assert (serving.pid, serving.slot, serving.age, serving.state, serving.lived_s) == (1002, 1, 2, "ready", 10.0)
    assert (serving.requests, serving.connections, serving.statuses) == (1, 3, (0, 1, 0, 0, 0))
    assert serving.in_flight == (InFlight("GET /caf\\xe9 HTTP/1.1", 3.0), InFlight("GET /later HTTP/1.1", 1.5))
    assert (serving.rps, serving.busy, serving.cpu, serving.pss) == (7.0, 0.5, 0.25, 1 << 20)
    assert (serving.gil_wait_s, serving.service) == (0.005, seen.service)


def test_a_server_that_nobody_asks_anything_has_all_its_headroom_and_one_without_workers_none() -> None:
    state = first(Rules(slots=8, boot_at_once=8), 1)
    step(state, Tick(), 100.0)
    reading = Scoreboard(1, threads=1).read(0)
    seen = Seen(readings={1: reading}, pids={1: 9}, queues={})
    assert overview(state, seen, 90.0, 101.0, 0.0).headroom == 0.0
    step(state, WorkerReady(1), 101.0)
    assert overview(state, seen, 90.0, 101.0, 0.0).headroom == 1.0
