"""Plays a supervisor for the commands that ask one: the real socket, facts that come to what the part says.

python actor.py PART PLACE [heir]     a line with its pid on stdout when it can be asked
"""

from __future__ import annotations

import logging
import os
import selectors
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from tonnage.control.overview import Advice, InFlight, ListenerView, Overview, Quantiles, WorkerView
from tonnage.supervisor.control import Control, heir, where
from tonnage.supervisor.facts import Fact, ReloadAsked, ScaleAsked, StopAsked, UpgradeAsked

UID = 4_000_000_001  # nobody's: what really runs on this machine is not seen, and does not see us


@dataclass
class Actor:
    part: str
    place: str
    is_heir: bool
    want: int = 2
    glances: int = 0
    is_over: bool = False

    def play(self) -> None:
        selector = selectors.DefaultSelector()
        self.log = logging.getLogger("actor")
        self.log.setLevel(logging.INFO)
        self.control = Control(selector, self.log, self.look)
        place = where(self.place or None, 0o600, os.environ)
        self.control.open(heir(place) if self.is_heir else place)
        sys.stdout.write(f"{os.getpid()}\n")
        sys.stdout.flush()
        while not self.is_over:
            for key, _ in selector.select():
                for fact in key.data():
                    self.take_in(fact)

    def take_in(self, fact: Fact) -> None:
        self.log.info("%s", type(fact).__name__)
        match fact:
            case ReloadAsked():
                self.reload()
            case UpgradeAsked():
                self.upgrade()
            case ScaleAsked(by):
                self.want = max(1, self.want + by)
            case StopAsked(quick):
                self.log.info("quick" if quick else "draining")
                self.is_over = True
                if self.part != "crashes":
                    self.control.close()

    def reload(self) -> None:
        if self.part == "refuses":
            self.control.refused("gunicorn.conf.py:1: SyntaxError: invalid syntax")
            return
        self.control.accepted(2)
        self.log.info("Booting worker with pid: 7\x1b[31m")
        ok = self.part != "fails"
        if self.part == "bakes":
            self.control.settled(2, True, "generation 2 serves", bakes=True)
            self.control.settled(2, True, "generation 2 has served for 5 s")
            return
        self.control.settled(2, ok, "generation 2 serves" if ok else "App failed to load: no module named site")

    def upgrade(self) -> None:
        if self.part == "refuses":
            self.control.not_started("another upgrade is under way")
            return
        command = [sys.executable, __file__, self.part, self.place, "heir"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as new:
            assert new.stdout is not None
            pid = int(new.stdout.readline())
            self.control.started(pid)
            self.control.upgraded(True, "it serves", pid)
            new.stdout.close()
            new.returncode = 0  # it is left to itself

    def look(self) -> Overview:
        self.glances += 1
        if self.is_heir and self.part == "dies":
            os._exit(3)
        is_ready = not self.is_heir or (self.glances > 1 and self.part != "never")
        workers = tuple(replace(worker, state="ready" if is_ready else "booting") for worker in WORKERS)
        listeners = (ListenerView("http://127.0.0.1:8000", 2, 2048, 7), ListenerView("unix:/run/s", None, None))
        return Overview(
            "0.1.0", os.getpid(), "serving", 1, self.want, 11520.0, listeners, workers, unix_s=1090.0, rps=12.5,
            busy=0.25, cpu=0.5, cpus=2.0, headroom=0.75, service=SERVICE,
            capped=(Advice("workers", "all of them are busy; --workers 3", 1000.0),),
        )  # fmt: skip


SERVICE = Quantiles(0.00048, 0.0125, 1.25)
BUSY = (InFlight("GET /a\x1b[2J", 3.25), InFlight("GET /b", 1.0))
WORKERS = (
    WorkerView(101, 0, 1, 1, "ready", 125.0, 90210, 5, BUSY, rps=12.5, busy=0.25, service=SERVICE, pss=20 << 20),
    WorkerView(9102, 1, 2, 1, "ready", 7.0, 3, 0, ()),
)


if __name__ == "__main__":
    os.geteuid = lambda: UID
    Path(os.environ["XDG_RUNTIME_DIR"]).mkdir(exist_ok=True)
    Actor(sys.argv[1], sys.argv[2], "heir" in sys.argv[3:]).play()
