"""What the service manager hears, as the policy's state goes through its life. A real socket, no clock."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tonnage.supervisor.facts import Fact, Released, StopAsked, Tick, WorkerBootFailed, WorkerExited, WorkerReady
from tonnage.supervisor.herald import Herald
from tonnage.supervisor.policy import step
from tonnage.supervisor.state import NEVER, Rules, first
from tonnage.system.notify import Notifier

RULES = Rules(slots=8, boot_at_once=8, surge=2)
PID = 42


class Service:
    def __init__(self, directory: Path, **environ: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(directory / "notify"))
        self.sock.setblocking(False)
        self.told: list[str] = []
        notifier = Notifier({"NOTIFY_SOCKET": str(directory / "notify"), **environ}, PID)
        self.herald = Herald(notifier, self.told.append)
        self.state = first(RULES, 2)
        self.now = 100.0

    def learn(self, *facts: Fact) -> list[str]:
        """What the manager hears of it."""
        for fact in facts:
            step(self.state, fact, self.now)
            self.herald.turn(self.state, self.now)
        return self.hears()

    def hears(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self.sock.recv(4096).decode())
            except BlockingIOError:
                return found

    def serve(self) -> None:
        self.learn(Tick(), WorkerReady(1), WorkerReady(2))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path)
    yield found
    found.herald.close()
    found.sock.close()


def test_ready_is_said_when_the_first_worker_serves_and_once(service: Service) -> None:
    assert service.learn(Tick()) == ["STATUS=Generation 1: 0 of 2 workers ready"]
    assert service.learn(WorkerReady(1)) == ["READY=1\nSTATUS=Generation 1: 1 of 2 workers ready"]
    assert service.learn(WorkerReady(2)) == ["STATUS=Generation 1: 2 of 2 workers ready"]
    assert service.learn(Tick(), Tick()) == []


def test_a_reload_ends_with_ready_when_the_new_generation_has_taken_over(service: Service) -> None:
    service.serve()
    service.herald.reloading(service.state.newest, 100.25)
    assert service.learn(Tick()) == ["RELOADING=1\nMONOTONIC_USEC=100250000\nSTATUS=Reloading"]
    assert service.learn(Released(RULES, 2), WorkerReady(3)) == []
    assert service.learn(WorkerReady(4)) == ["READY=1\nSTATUS=Generation 2: 2 of 2 workers ready, 2 leaving"]
    assert service.learn(WorkerExited(1, 0)) == ["STATUS=Generation 2: 2 of 2 workers ready, 1 leaving"]


def test_who_waits_hears_how_far_a_reload_is(service: Service) -> None:
    service.serve()
    service.told.clear()
    service.herald.reloading(service.state.newest, 100.0)
    service.learn(Released(RULES, 2), WorkerReady(3), WorkerExited(1, 0), WorkerReady(4), WorkerExited(2, 0))
    assert service.told == [
        "Generation 2: 0 of 2 workers ready, 2 of another one",
        "Generation 2: 1 of 2 workers ready, 1 of another one, 1 leaving",
        "Generation 2: 1 of 2 workers ready, 1 of another one",
        "Generation 2: 2 of 2 workers ready, 1 leaving",
        "Generation 2: 2 of 2 workers ready",
    ]


def test_a_generation_that_is_given_up_ends_with_ready_too(service: Service) -> None:
    service.serve()
    service.herald.reloading(service.state.newest, 100.0)
    heard = service.learn(Released(RULES, 2), WorkerBootFailed(3, 3, "no", ""))
    assert heard[-1].startswith("READY=1\nSTATUS=Generation 1: 2 of 2 workers ready")


def test_so_do_settings_that_cannot_be_read(service: Service) -> None:
    service.serve()
    service.herald.reloading(service.state.newest, 100.0)
    service.herald.refused()
    assert service.hears()[-1].startswith("READY=1\nSTATUS=Serving on as before")
    assert service.learn(Tick(), Tick()) == ["STATUS=Generation 1: 2 of 2 workers ready"]


def test_a_stop_is_said_once_whatever_follows(service: Service) -> None:
    service.serve()
    assert service.learn(StopAsked(), StopAsked(quick=True), WorkerExited(1, 0)) == [
        "STOPPING=1\nSTATUS=Stopping, finishing what is in flight"
    ]


def test_a_quick_stop_says_so(service: Service) -> None:
    service.serve()
    assert service.learn(StopAsked(quick=True)) == ["STOPPING=1\nSTATUS=Stopping, at once"]


def test_the_service_does_not_stop_when_there_is_an_heir(service: Service) -> None:
    service.serve()
    service.herald.heir = 4711
    assert service.learn(StopAsked(), Tick(), WorkerExited(1, 0)) == ["MAINPID=4711"]


def test_an_heir_that_is_gone_again_is_none(service: Service) -> None:
    service.serve()
    service.herald.heir = 4711
    service.herald.heir = None
    assert service.learn(StopAsked())[0].startswith("STOPPING=1")


def test_signs_of_life_come_twice_in_the_time_that_is_allowed(tmp_path: Path) -> None:
    service = Service(tmp_path, WATCHDOG_USEC="10000000", WATCHDOG_PID=str(PID))
    assert service.learn(Tick())[0] == "WATCHDOG=1"
    assert service.herald.next_at == 105.0
    service.now = 104.9
    assert "WATCHDOG=1" not in service.learn(Tick())
    service.now = 105.0
    assert service.learn(Tick()) == ["WATCHDOG=1"]
    service.serve()
    service.now = 110.0
    assert service.learn(StopAsked())[0] == "WATCHDOG=1"  # also while it drains
    service.sock.close()
    service.herald.close()


def test_without_a_watchdog_nothing_has_to_be_woken_for(service: Service) -> None:
    assert service.herald.next_at == NEVER
