"""`tonnage plan`, as one would run it, with a footprint that was measured before."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.capacity.plans import footprint
from tonnage.cli.main import main

GOOD = "def application(environ, start_response): ...\nasync def asgi(scope, receive, send): ...\n"
Plan = Callable[..., tuple[int, str, str]]


@pytest.fixture
def plan(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Plan:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "fp.json").write_text(json.dumps(footprint(cpu_s=0.001, waiting_share=0.9).as_object()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["plan", *words, "--footprint", "fp.json"])
        return code, *capfd.readouterr()

    return run


def test_a_plan_says_what_to_set_and_what_binds(plan: Plan) -> None:
    code, out, err = plan("good")
    assert (code, err) == (0, "")
    assert "worker_class = gthread, threads = 15: bound by the CPUs" in out
    assert "One more worker: raise the CPUs by" in out


def test_settings_that_are_given_stay(plan: Plan) -> None:
    _, out, _ = plan("good", "--threads", "3", "--json")
    assert json.loads(out)["settings"]["threads"] == 3


def test_an_asgi_application_gets_the_asgi_worker(plan: Plan) -> None:
    _, out, _ = plan("good:asgi", "--json")
    assert json.loads(out)["settings"]["worker_class"] == "asgi"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("good", "-k", "asgi"), "good is a WSGI application, and worker class asgi calls ASGI ones"),
        (("good:asgi", "-k", "sync"), "good:asgi is an ASGI application, and worker class sync calls WSGI ones"),
    ],
)
def test_a_class_that_cannot_call_the_application_is_refused_as_a_start_refuses_it(
    plan: Plan, words: tuple[str, ...], said: str
) -> None:
    code, out, err = plan(*words)
    assert (code, out) == (4, "")
    assert said in err


def test_what_was_measured_of_redirects_only_is_said(plan: Plan, tmp_path: Path) -> None:
    measured = replace(footprint(), paths=("/", "/in/"), redirects=("/",))
    (tmp_path / "fp.json").write_text(json.dumps(measured.as_object()))
    assert "redirects only" not in plan("good")[1]
    (tmp_path / "fp.json").write_text(json.dumps(replace(measured, redirects=("/", "/in/")).as_object()))
    assert "All of that is for redirects only" in plan("good")[1]
    assert json.loads(plan("good", "--json")[1])["of_redirects_only"] is True


def test_connections_and_replicas_by_hand_bound_the_workers(plan: Plan) -> None:
    _, out, _ = plan(
        "good", "--json", "--db-connections", "20", "--db-reserved", "4", "--db-per-worker", "2", "--replicas", "2"
    )
    found = json.loads(out)
    term = next(each for each in found["terms"] if each["name"] == "connections")
    assert (term["workers"], term["figures"]) == (2, "floor((20 - 4) / (2 x 2)) - 1 - 1")


def test_a_target_that_is_missed_is_exit_code_1_and_machines_are_found_for_it(plan: Plan) -> None:
    code, out, _ = plan("good", "--target-rps", "100000", "--p95", "200ms", "--instances", "aws")
    assert code == 1
    assert "is not carried" in out
    assert "x c6g." in out
    assert re.search(r"not .*t3.nano.*: \d+ of them would be needed", out)
    assert plan("good", "--target-rps", "1")[0] == 0


def test_offers_stand_in_the_json(plan: Plan) -> None:
    _, out, _ = plan("good", "--target-rps", "100", "--instances", "aws", "--json")
    offers = json.loads(out)["instances"]["offers"]
    assert offers[0]["count"] >= 1
    prices = [offer["hourly"] for offer in offers if not offer["excuse"]]
    assert prices == sorted(prices)


def test_a_file_is_written_once(plan: Plan, tmp_path: Path) -> None:
    code, _, err = plan("good", "--write", "tonnage.toml")
    assert (code, err) == (0, "written: tonnage.toml\n")
    (tmp_path / "tonnage.toml").write_text("workers = 1\n")
    code, _, err = plan("good", "--write", "tonnage.toml")
    assert code == 1
    assert "--force" in err
    assert plan("good", "--write", "tonnage.toml", "--force")[0] == 0
    assert 'worker_class = "gthread"' in (tmp_path / "tonnage.toml").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "plan needs the application"),
        (("good", "--target-rps", "none"), "must be a number above 0"),
        (("good", "--p95", "soon"), "must be a number of seconds"),
        (("good", "--replicas", "0"), "must be a whole number of at least 1"),
        (("good", "--instances", "aws"), "--instances needs --target-rps"),
        (("good", "--wokers", "2"), "did you mean --workers?"),
        (("missing",), "there is no module 'missing'"),
        (("good", "--write", "x.ini"), "ends in .py or .toml"),
        (("good", "--target-rps", "5", "--instances", "nowhere"), "neither `aws` nor a file"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(plan: Plan, words: tuple[str, ...], said: str) -> None:
    code, _, err = plan(*words)
    assert code in (1, 2, 3)
    assert said in err


def test_what_cannot_be_written_is_refused_before_anything_is_planned(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").touch()
    for name in ("gunicorn.conf.py", "nowhere/gunicorn.conf.py"):
        code, out, err = plan("good", "--write", name)
        assert (code, out) == (1, "")
        assert f"--write {name}" in err


def test_a_footprint_that_is_none_is_refused(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "fp.json").write_text("{}")
    code, _, err = plan("good")
    assert code == 1
    assert "is not a footprint" in err
