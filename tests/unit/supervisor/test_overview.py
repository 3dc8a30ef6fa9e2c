"""The policy's state and the scoreboard, as an operator sees them."""

import os
import socket

from tonnage import __version__
from tonnage.config.values import TcpAddress
from tonnage.control.overview import InFlight, ListenerView, WorkerView
from tonnage.supervisor.facts import Tick, WorkerReady
from tonnage.supervisor.overview import overview
from tonnage.supervisor.policy import step
from tonnage.supervisor.state import Rules, first
from tonnage.system.listeners import Listener
from tonnage.system.scoreboard import Cell, Scoreboard


def test_every_worker_stands_in_it_with_what_it_does() -> None:
    state = first(Rules(slots=8, boot_at_once=8), 2)
    for fact in (Tick(), Tick()):
        step(state, fact, 100.0)
    step(state, WorkerReady(2), 105.0)
    scoreboard = Scoreboard(8, threads=2)
    slot = scoreboard.slot(1)
    slot.cells[Cell.CONNECTIONS] = 3
    slot.count(200, 1000, 10)
    slot.begin(0, int(108.5e9), b"GET /later HTTP/1.1")
    slot.begin(1, int(107e9), b"GET /caf\xe9 HTTP/1.1")
    with socket.create_server(("127.0.0.1", 0), backlog=5) as sock:
        gone = socket.socket()
        gone.close()
        listeners = [Listener(sock, TcpAddress("", 0), "http://a"), Listener(gone, TcpAddress("", 0), "http://b")]
        seen = overview(
            state, lambda age: 1000 + age, lambda worker: scoreboard.read(worker.slot), listeners, 90.0, 110.0
        )
    assert (seen.version, seen.pid, seen.mode, seen.generation) == (__version__, os.getpid(), "serving", 1)
    assert (seen.want, seen.ready, seen.uptime_s) == (2, 1, 20.0)
    assert seen.listeners == (ListenerView("http://a", 0, 5), ListenerView("http://b", None, None))
    assert seen.workers == (
        WorkerView(1001, 0, 1, 1, "booting", 10.0, 0, 0, ()),
        WorkerView(
            1002,
            1,
            2,
            1,
            "ready",
            10.0,
            1,
            3,
            (InFlight("GET /caf\\xe9 HTTP/1.1", 3.0), InFlight("GET /later HTTP/1.1", 1.5)),
        ),
    )
