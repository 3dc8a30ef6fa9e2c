"""An application in a child: whatever it does there, the parent hears of it, and of nothing else."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tonnage.app.load import LoadedApp
from tonnage.cli import trial
from tonnage.cli.trial import load_in_child
from tonnage.config.model import Config

APP = "def application(environ, start_response): ...\n"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "app.py").write_text(APP)
    return Config(wsgi_app="app", chdir=str(tmp_path))


def leave(_: LoadedApp) -> dict[str, object]:
    raise SystemExit(3)


def no_json(_: LoadedApp) -> dict[str, object]:
    return {"seen": object()}


def die(_: LoadedApp) -> dict[str, object]:
    os._exit(7)


def hang(_: LoadedApp) -> dict[str, object]:
    threading.Event().wait()
    return {}


def test_what_looking_at_it_raises_is_the_problem_and_never_leaves_the_child(config: Config) -> None:
    parent = os.getpid()
    problems = [load_in_child(config, look).problem for look in (leave, no_json)]
    assert problems[0] == "looking at app raised SystemExit: 3"
    assert problems[1].startswith("looking at app raised TypeError: ")
    assert os.getpid() == parent


def test_a_child_that_ends_while_it_is_looked_at_is_a_problem(config: Config) -> None:
    assert load_in_child(config, die).problem == "the process ended while it was looked at: exited with code 7"


def test_a_look_that_hangs_is_not_taken_for_loading(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "LOOK_S", 0.1)
    found = load_in_child(config, hang).problem
    assert found == "it was loaded, but what it says of itself was not there within 0.1 s"
