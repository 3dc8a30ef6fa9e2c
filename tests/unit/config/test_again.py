"""The settings are read again, and what they import is imported again."""

import sys
from pathlib import Path

import pytest

from tonnage.config.again import changes, load_again
from tonnage.config.sources import Loaded, load
from tonnage.errors import ConfigError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions of a file within one second
    return tmp_path


def configured(project: Path, text: str) -> Loaded:
    (project / "gunicorn.conf.py").write_text(text)
    return load(["app", "--threads", "2"], {}, project)


def test_each_change_is_told_with_its_origin(project: Path) -> None:
    before = configured(project, "workers = 2\n")
    (project / "gunicorn.conf.py").write_text("# more\nworkers = 4\ntimeout = 60\n")
    after = load_again(before)
    assert after.config.workers == 4
    assert after.config.threads == 2, "from the same command line"
    assert changes(before, after) == [
        "workers 2 -> 4 (from gunicorn.conf.py:2)",
        "timeout 30 -> 60 (from gunicorn.conf.py:3)",
    ]


def test_what_needs_a_restart_says_so(project: Path) -> None:
    before = configured(project, "")
    (project / "gunicorn.conf.py").write_text("pidfile = '/tmp/x'\n")
    (change,) = changes(before, load_again(before))
    assert change.endswith("that needs a restart, and has no effect yet")


def test_a_hook_is_a_change_only_when_its_code_is_another(project: Path) -> None:
    hook = "def on_reload(server):\n    server.log.info({})\n"
    before = configured(project, hook.format(1))
    assert changes(before, load_again(before)) == []
    (project / "gunicorn.conf.py").write_text(hook.format(2))
    assert len(changes(before, load_again(before))) == 1


def test_modules_of_the_project_are_imported_again(project: Path) -> None:
    (project / "site_settings.py").write_text("WORKERS = 2\n")
    before = configured(project, "import site_settings\nworkers = site_settings.WORKERS\n")
    (project / "site_settings.py").write_text("WORKERS = 3\n")
    assert load_again(before).config.workers == 3


@pytest.mark.parametrize("text", ["workers = 0\n", "workers = \n", "1 / 0\n", "import sys; sys.exit(1)\n"])
def test_what_is_wrong_changes_nothing(project: Path, text: str) -> None:
    (project / "site_settings.py").write_text("WORKERS = 2\n")
    before = configured(project, "import site_settings\n")
    known = sys.modules["site_settings"]
    (project / "gunicorn.conf.py").write_text(text)
    with pytest.raises(ConfigError):
        load_again(before)
    assert sys.modules["site_settings"] is known


def test_what_would_not_be_started_is_not_reloaded(project: Path) -> None:
    before = configured(project, "")
    (project / "gunicorn.conf.py").write_text("protocol = 'uwsgi'\n")
    with pytest.raises(ConfigError, match="not built yet"):
        load_again(before)
