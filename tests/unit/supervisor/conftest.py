from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Event:
    what: str
    age: int
    pid: int


@dataclass
class Play:
    """A supervisor on the stage, seen from the stalls."""

    process: subprocess.Popen[bytes]
    events: TextIOWrapper
    ready: TextIOWrapper
    directory: Path
    seen: list[Event] = field(default_factory=list)

    def wait_for(self, what: str, age: int | None = None) -> Event:
        """The event, if it has been seen already or when it comes."""
        for event in self.seen:
            if event.what == what and age in (None, event.age):
                return event
        while line := self.events.readline():
            self.seen.append(Event(**json.loads(line)))
            if self.seen[-1].what == what and age in (None, self.seen[-1].age):
                return self.seen[-1]
        raise AssertionError(f"everybody is gone, and {what} has never been seen:\n{self.log}")

    def wait_count(self, what: str, count: int) -> None:
        while self.count(what) < count:
            line = self.events.readline()
            assert line, f"everybody is gone, and {what} has been seen only {self.count(what)} times:\n{self.log}"
            self.seen.append(Event(**json.loads(line)))

    def wait_ready(self, *ages: int) -> None:
        for age in ages:
            self.wait_for("ready", age)

    def wait_listening(self) -> list[str]:
        return self.ready.read().splitlines()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def wait_end(self) -> int:
        """The exit code, when really everybody is gone."""
        self.seen += [Event(**json.loads(line)) for line in self.events]
        return self.process.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.send(number)
        return self.wait_end()

    def reload(self, **changed: object) -> None:
        (self.directory / "settings").write_text(json.dumps(changed))
        self.send(signal.SIGHUP)

    def count(self, what: str) -> int:
        return sum(event.what == what for event in self.seen)

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    @property
    def left_behind(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir() if path.name not in ("log", "settings"))


Stage = Callable[..., Play]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    plays: list[Play] = []

    def start(*, workers: int = 2, grace: float = 600, boot: float = 0, hooks: bool = False, **parts: str) -> Play:
        events_read, events_write = os.pipe()
        ready_read, ready_write = os.pipe()
        if parts.pop("deaf", ""):
            os.close(ready_read)
            ready_read = os.open(os.devnull, os.O_RDONLY)
        script = {
            "workers": workers, "grace": grace, "boot": boot, "hooks": hooks, "directory": str(tmp_path),
            "events": events_write, "ready_fd": ready_write,
            "raising": parts.pop("raising", ""), "buggy": parts.pop("buggy", ""), "forkless": parts.pop("forkless", ""),
            "preload": parts.pop("preload", ""),
            "parts": {name.removeprefix("w"): part for name, part in parts.items()},
        }  # fmt: skip
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("stage.py")), json.dumps(script)],
                pass_fds=[events_write, ready_write],
                stderr=log,
            )
        os.close(events_write)
        os.close(ready_write)
        plays.append(Play(process, os.fdopen(events_read), os.fdopen(ready_read), tmp_path))
        return plays[-1]

    yield start
    for play in plays:
        if play.process.poll() is None:
            play.process.kill()
            play.process.wait()
        play.events.close()
        play.ready.close()
