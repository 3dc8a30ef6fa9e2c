"""`tonnage doctor`, as one would run it."""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tonnage.capacity.finding import Finding, Verdict
from tonnage.cli import doctor
from tonnage.cli.main import main
from tonnage.config.model import Config
from tonnage.config.values import address
from tonnage.control.overview import ListenerView, Overview
from tonnage.errors import UsageError

NOBODY = 1 << 30  # no process: above the highest pid_max
APP = "def application(environ, start_response): ...\n"


class Doctor:
    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd = capfd
        self.out = self.err = ""

    def __call__(self, line: str) -> int:
        code = main(["doctor", *line.split()])
        self.out, self.err = self.capfd.readouterr()
        return code

    def found(self, line: str) -> Mapping[str, Mapping[str, str]]:
        """By name, as programs get it."""
        assert self(f"{line} --json") == 0
        return {each["name"]: each for each in json.loads(self.out)}


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Doctor:
    (tmp_path / "app.py").write_text(APP)
    return Doctor(capfd)


def test_every_fact_has_its_source_and_the_text_ends_with_the_count(run: Doctor) -> None:
    assert run("app -b unix:app.sock") == 0
    assert "ok    backlog (Unix)            2048 requested, 2048 effective (sock_diag of a listener)\n" in run.out
    assert re.fullmatch(r"nothing binds|(\d caps?)?( and )?(\d risks?)?", run.out.splitlines()[-1])
    assert run.err == ""
    for name, finding in run.found("app").items():
        if name in {"cpus", "memory", "files", "tasks", "backlog (TCP)"}:
            assert finding["source"], finding


def test_a_cap_is_told_with_the_line_that_mends_it(run: Doctor) -> None:
    finding = run.found("app -w 1 --worker-connections 100000000")["files"]
    assert (finding["verdict"], finding["requested"]) == ("cap", "about 100000044 descriptors a worker")
    assert "LimitNOFILE=100000044" in finding["remedy"]


@pytest.mark.parametrize(("words", "code"), [("", 0), (" --strict", 1)])
def test_only_strict_makes_a_cap_an_error(run: Doctor, words: str, code: int) -> None:
    assert run(f"app --worker-connections 100000000{words}") == code
    assert "CAP   files" in run.out


def test_the_settings_are_read_as_for_a_start(run: Doctor, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("wsgi_app = 'app'\nbind = 'unix:of-the-file.sock'\nbacklog = 7\n")
    found = run.found("")
    assert found["backlog (Unix)"]["effective"] == "7"
    assert "of-the-file.sock" in found["reach"]["because"]
    assert "application" not in found


def test_without_an_application_the_machine_is_looked_at(run: Doctor) -> None:
    found = run.found("")
    assert found["application"]["verdict"] == "note"
    assert found["memory"]["requested"] == ""


def test_an_application_that_cannot_be_loaded_is_a_risk_with_its_traceback(run: Doctor, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("1 / 0\n")
    assert run("bad --strict") == 1
    assert "RISK  application               importing 'bad' raised ZeroDivisionError" in run.out
    assert "line 1, in <module>\n    1 / 0" in run.err


def test_what_the_application_prints_is_no_part_of_the_answer(run: Doctor, tmp_path: Path) -> None:
    (tmp_path / "chatty.py").write_text("import os\nprint('hello')\nos.system('echo shell')\n" + APP)
    assert run.found("chatty")["memory"]
    assert "hello" in run.err
    assert "shell" in run.err


def test_an_application_that_raises_when_it_is_looked_at_is_a_risk(run: Doctor, tmp_path: Path) -> None:
    source = "class App:\n    def __call__(self, environ, start_response): ...\n"
    (tmp_path / "shy.py").write_text(source + "    @property\n    def debug(self): 1 / 0\napplication = App()\n")
    assert run("shy") == 0
    assert "RISK  application               looking at shy raised ZeroDivisionError: division by zero" in run.out
    assert "def debug(self): 1 / 0" in run.err
    assert run.out.count("RISK  application") == 1


@pytest.mark.parametrize(
    ("debug", "hosts", "verdicts"),
    [
        (True, ["*"], ("risk", "risk")),
        (True, [], ("risk", "risk")),
        (False, [], ("ok", "risk")),
        (False, ["example.com"], ("ok", "ok")),
    ],
)
def test_django_is_asked_for_its_settings(
    run: Doctor, tmp_path: Path, debug: bool, hosts: list[str], verdicts: tuple[str, str]
) -> None:
    pytest.importorskip("django")
    (tmp_path / "site_settings.py").write_text(f"DEBUG = {debug}\nALLOWED_HOSTS = {hosts}\nSECRET_KEY = 'x'\n")
    (tmp_path / "wsgi.py").write_text(
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )
    found = run.found("wsgi -e DJANGO_SETTINGS_MODULE=site_settings")
    assert (found["debug"]["verdict"], found["ALLOWED_HOSTS"]["verdict"]) == verdicts
    assert "site_settings" not in sys.modules, "it is loaded in a child"


def test_a_debug_switch_of_the_application_itself_is_seen(run: Doctor, tmp_path: Path) -> None:
    (tmp_path / "flaskish.py").write_text(
        "class App:\n    debug = True\n    def __call__(self, environ, start_response): ...\napplication = App()\n"
    )
    found = run.found("flaskish")
    assert (found["debug"]["verdict"], found["debug"]["effective"]) == ("risk", "on in flaskish")


def test_root_is_named(run: Doctor) -> None:
    expected = "risk" if os.geteuid() == 0 else "ok"
    assert run.found("app")["user"]["verdict"] == expected
    assert run.found(f"app --user {os.geteuid() or 65534}")["user"]["verdict"] == "ok"


def test_the_front_is_read(run: Doctor, tmp_path: Path) -> None:
    pytest.importorskip("crossplane")
    (tmp_path / "site.conf").write_text(
        "server { location / { proxy_pass http://unix:/run/s; proxy_read_timeout 9s; } }\n"
    )
    found = run.found("app -b unix:/run/s --front site.conf")
    assert found["timeout of the proxy"]["remedy"] == "proxy_read_timeout 35s;"
    assert found["timeout of the proxy"]["source"] == "site.conf:1"
    assert run.found("app -b 127.0.0.1:8000 --front=site.conf")["upstream"]["remedy"] == "--bind unix:/run/s"


def test_a_front_that_cannot_be_read_is_said_and_everything_else_as_well(
    run: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "Caddyfile").write_text(":80\n")
    assert run("app --front Caddyfile") == 0
    assert "?     front                     to read Caddyfile Caddy itself is needed" in run.out
    assert "backlog" in run.out
    assert run.out.endswith("; 1 could not be found out\n")


def test_a_front_that_is_no_text_is_said(run: Doctor, tmp_path: Path) -> None:
    (tmp_path / "caddy.json").write_bytes(b'{"apps": "\xff\xfe"}')
    assert run("app --front caddy.json") == 0
    assert "?     front                     caddy.json is no configuration of Caddy: 'utf-8' codec" in run.out


def test_a_contradiction_in_caddy_s_own_words_for_time_is_seen(run: Doctor, tmp_path: Path) -> None:
    transport = {"protocol": "http", "response_header_timeout": "10s", "keep_alive": {"idle_timeout": "5m"}}
    proxy = {"handler": "reverse_proxy", "transport": transport, "upstreams": [{"dial": "127.0.0.1:8000"}]}
    servers = {"one": {"routes": [{"handle": [proxy]}]}}
    (tmp_path / "caddy.json").write_text(json.dumps({"apps": {"http": {"servers": servers}}}))
    found = run.found("app -b 127.0.0.1:8000 --front caddy.json")
    assert (found["timeout of the proxy"]["verdict"], found["timeout of the proxy"]["effective"]) == ("risk", "10 s")
    assert (found["idle connections"]["verdict"], found["idle connections"]["effective"]) == ("risk", "300 s")


def test_a_front_that_is_not_there_is_refused_before_anything_is_said(run: Doctor) -> None:
    assert run("app --front no.conf") == 1
    assert run.out == ""


def test_without_crossplane_the_package_is_named(run: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "crossplane", None)
    (tmp_path / "nginx.conf").write_text("")
    assert "pip install 'tonnage[cli]'" in run.found("app --front nginx.conf")["front"]["effective"]


def test_a_front_needs_a_file() -> None:
    with pytest.raises(UsageError, match="--front"):
        doctor.parser().parse_known_args(["--front"])


def test_words_of_its_own_are_taken_off_wherever_they_stand() -> None:
    own, rest = doctor.parser().parse_known_args(["--strict", "app", "--front", "a", "-w", "2", "--front=b", "--json"])
    assert rest == ["app", "-w", "2"]
    assert (own.strict, own.json, own.front) == (True, True, [Path("a"), Path("b")])


@pytest.mark.parametrize(
    ("url", "bind", "followed"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("https://0.0.0.0:8000", ":8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("unix:/run/app.sock", "unix:/run/app.sock", True),
        ("unix:/run/app.sock", "unix:/run/other.sock", False),
        ("unix:app.sock", "unix:app.sock", False),  # of a process whose directory nobody knows
        ("unix:@app", "unix:@app", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8001", False),
    ],
)
def test_a_server_on_an_address_of_ours_is_the_one_that_makes_room(url: str, bind: str, followed: bool) -> None:
    seen = Overview("1", NOBODY, "serving", 1, 1, 1.0, (ListenerView(url, 0, 1),), ())
    assert doctor.is_followed(seen, Config(bind=(address("unix:/first"), address(bind)))) is followed


def test_lines_are_broken_under_their_own_column_and_control_characters_are_shown() -> None:
    text = list(doctor.lines(Finding("x", Verdict.CAP, "word " * 40, because="\x1b[2J", remedy="do this")))
    assert text[0].startswith("CAP   x  ")
    assert all(line.startswith(" " * 32) and len(line) <= doctor.WIDTH for line in text[1:])
    assert "\\x1b[2J" in "".join(text)
    assert text[-1] == " " * 32 + "-> do this"


def test_the_summary_counts() -> None:
    cap, risk = (Finding("x", kind, "") for kind in (Verdict.CAP, Verdict.RISK))
    assert doctor.summary([]) == "nothing binds"
    assert doctor.summary([cap, cap, risk]) == "2 caps and 1 risk"
