"""What is open before the supervisor's loop begins, and what changes about it when the supervisor before it ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tonnage.supervisor.releases import Releases
from tonnage.supervisor.upgrade import Command, Heirloom
from tonnage.system.pidfile import PidFile
from tonnage.system.readiness import Readiness
from tonnage.system.signals import WakeUp


@dataclass(slots=True)
class Outfit:
    releases: Releases
    wakeup: WakeUp
    readiness: Readiness
    command: Command
    pidfile: PidFile | None
    pidfile_path: Path | None  # where it belongs once we are alone
    heirloom: Heirloom | None  # of a supervisor that is still there

    def inherits(self) -> bool:
        """Whether the supervisor that started us is gone, which is true once: now its names are ours."""
        if self.heirloom is None or self.heirloom.is_shared():
            return False
        self.heirloom = None
        self.releases.berths.shared = False
        if self.pidfile is not None and self.pidfile_path is not None:
            self.pidfile.promote(self.pidfile_path)
        return True
