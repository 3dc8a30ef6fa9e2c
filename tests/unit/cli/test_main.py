import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tonnage import __version__, serve
from tonnage.cli.main import main
from tonnage.config.model import SPECS
from tonnage.config.sources import Loaded
from tonnage.errors import BindError, BootError


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Loaded]:
    """What was handed to the server, instead of serving it."""
    handed: list[Loaded] = []

    def fake(loaded: Loaded) -> int:
        handed.append(loaded)
        return 7

    monkeypatch.setattr(serve, "serve", fake)
    return handed


@pytest.mark.parametrize(
    "words", [["site.wsgi", "-w", "3"], ["serve", "site.wsgi", "-w", "3"], ["serve", "-w3", "site.wsgi"]]
)
def test_serve_is_what_happens_without_a_command(served: list[Loaded], words: list[str]) -> None:
    assert main(words) == 7
    assert (served[0].config.wsgi_app, served[0].config.workers) == ("site.wsgi", 3)


@pytest.mark.parametrize(
    ("word", "hint"), [("stauts", "`tonnage status`?"), ("help", "`tonnage --help`?"), ("mysite.wsgi", "")]
)
def test_what_is_neither_application_nor_command_may_be_a_slip_of_the_pen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, hint: str
) -> None:
    monkeypatch.setattr(serve, "serve", lambda _: BootError.exit_code)
    assert main([word]) == BootError.exit_code
    err = capsys.readouterr().err
    assert hint in err
    assert bool(err) == bool(hint)


def test_an_application_may_be_called_like_a_command(served: list[Loaded]) -> None:
    assert main(["serve", "check"]) == 7
    assert served[0].config.wsgi_app == "check"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ([], 1, "no application is named: try `tonnage mysite.wsgi`"),
        (
            ["a", "--workers", "many"],
            2,
            "argument -w/--workers: 'many' must be a whole number, or auto (see `tonnage --help`)",
        ),
        (["a", "--wokers", "3"], 2, "there is no flag --wokers; did you mean --workers? (see `tonnage --help`)"),
        (["a", "--workers", "0"], 1, "workers = 0 (from --workers) must be at least 1; the default is auto"),
        (["a", "-c", "nowhere.py"], 1, "nowhere.py, the configuration file, does not exist"),
        (
            ["a", "-k", "gevent"],
            1,
            "worker_class = 'gevent' (from --worker-class) is not built yet; sync, gthread and asgi are",
        ),
    ],
)
def test_an_error_is_one_line_and_gunicorns_exit_code(
    served: list[Loaded], capsys: pytest.CaptureFixture[str], words: list[str], code: int, text: str
) -> None:
    assert main(words) == code
    assert served == []
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tonnage: ")
    assert err.count("\n") == 1
    assert text in err


def test_what_serving_raises_on_purpose_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def taken(_: Loaded) -> int:
        raise BindError("cannot listen on 127.0.0.1:80")

    monkeypatch.setattr(serve, "serve", taken)
    assert main(["a"]) == 1
    assert capsys.readouterr().err == "tonnage: cannot listen on 127.0.0.1:80\n"


@pytest.mark.parametrize("flag", ["-v", "--version"])
def test_version(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert main([flag]) == 0
    assert capsys.readouterr().out == f"tonnage (version {__version__})\n"


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["serve", "--help"]])
def test_help_shows_every_flag_that_does_something(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(words) == 0
    text = capsys.readouterr().out
    assert all(
        each in text for each in ("tonnage check APP", "\nSockets\n", "-b, --bind ADDRESS", "--proxy-protocol [off|")
    )
    assert "--worker-tmp-dir" not in text, "it has no effect"
    assert max(map(len, text.splitlines())) <= 120


def test_settings_are_an_aligned_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "site.wsgi", "-w", "3", "--threads", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(SPECS)
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows["workers"] == ["3", "--workers"]
    assert rows["worker_class"] == ["'gthread'", "threads", "=", "2"]
    assert rows["backlog"] == ["2048", "default"]
    assert "(not built yet)" in next(line for line in lines if line.startswith("spew"))
    assert len({line.rindex("default") for line in lines if line.endswith("default") and len(line) < 90}) == 1


def test_settings_as_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "5000")
    Path("gunicorn.conf.py").write_text("def on_exit(server): pass\n")
    assert main(["settings", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bind"] == {"value": ["0.0.0.0:5000"], "origin": "$PORT", "built": True}
    assert found["on_exit"] == {"value": "__config__.on_exit", "origin": "gunicorn.conf.py:1", "built": True}
    assert set(found) == set(SPECS)


def test_gunicorns_flags_ask_for_the_other_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-config"]) == 0
    assert "--print-config" in capsys.readouterr().out
    assert main(["nosuch", "--check-config", "-b", "127.0.0.1:0"]) == 1
    assert "there is no module 'nosuch'" in capsys.readouterr().out


def test_settings_show_what_would_stop_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--protocol", "uwsgi"]) == 0
    assert "tonnage: protocol = 'uwsgi' (from --protocol) is not built yet" in capsys.readouterr().err


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "tonnage", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"tonnage (version {__version__})\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    """`tonnage --help | head -1`"""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "tonnage", "--help"], stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_serving_imports_nothing_that_only_other_commands_need() -> None:
    """Every worker inherits what the command imported."""
    probe = (
        "import sys, tonnage.cli.main, tonnage.cli.serve; print([n for n in ('ssl', 'tomllib') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
