"""What is written while it serves: the error log, and one access line for every answer, whatever the client sends."""

import json
import re
from pathlib import Path

import pytest

from tests.live.apps import HELLO, write_app
from tests.live.server import serve
from tests.live.wire import request

NASTY = 'say "x"\\ \x80 \t'


def test_the_start_is_told_in_gunicorn_s_lines_and_listening_only_after_the_app_is_loaded(tmp_path: Path) -> None:
    write_app(tmp_path, "import sys\nprint('the app is being loaded', file=sys.stderr)\n" + HELLO)
    with serve("app", cwd=tmp_path) as server:
        server.log.wait_for("Listening at")
    lines = server.log.text.splitlines()
    shape = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[[A-Z]+\] .+")
    assert [line for line in lines if not shape.fullmatch(line)] == ["the app is being loaded"]
    order = [line.partition("] ")[2] for line in lines]
    text = "\n".join(lines)
    assert order
    assert text.index("Starting tonnage") < text.index("the app is being loaded") < text.index("Listening at")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_error_log_lines_have_the_format_that_was_asked_for(tmp_path: Path, log_format: str) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--log-format", log_format, "--error-logfile", "error.log", cwd=tmp_path):
        pass
    lines = (tmp_path / "error.log").read_text().splitlines()
    assert len(lines) >= 4
    if log_format == "json":
        assert all(isinstance(json.loads(line), dict) for line in lines)


def test_every_answer_has_an_access_line_refusals_and_pipelined_ones_included(
    tmp_path: Path, workers: list[str]
) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", *workers, "--access-logfile", "access.log", cwd=tmp_path) as server:
        wire = server.connect()
        wire.send(b"".join(request("GET", f"/{number}") for number in range(30)))
        assert [wire.reply().status for _ in range(30)] == [200] * 30
        assert server.get("/last").status == 200
    lines = (tmp_path / "access.log").read_text().splitlines()
    paths = [line.split('"')[1].split()[1] for line in lines]
    assert sorted(paths) == sorted([*(f"/{number}" for number in range(30)), "/last"])


def test_json_access_lines_are_one_valid_object_each_whatever_the_client_sends(
    tmp_path: Path, workers: list[str]
) -> None:
    write_app(tmp_path, HELLO)
    flags = ["--access-logfile", "access.log", "--access-log-format", "json"]
    with serve("app", *workers, *flags, cwd=tmp_path) as server:
        assert server.get('/"quoted\\path', ("User-Agent", NASTY), ("Referer", '", "status": 500')).status == 200
        assert server.get("/plain").status == 200
    told = [json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines()]
    second, first = sorted(told, key=lambda line: NASTY.strip() in line.values())  # threads write as they are done
    assert first.keys() == second.keys()
    assert first["status"] in (200, "200")
    assert NASTY.strip() in first.values()


def test_a_forged_field_cannot_make_a_second_access_line(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with serve("app", "--access-logfile", "access.log", cwd=tmp_path) as server:
        assert server.get("/x", ("User-Agent", 'a" 200 5 "-" "b')).status == 200
    (line,) = (tmp_path / "access.log").read_text().splitlines()
    assert line.count('"') - line.count('\\"') == 6


def test_every_atom_of_gunicorn_has_a_value(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    atoms = [*"hlurmUqHsBbfaTDLpM", "t", "{x-one}i", "{content-type}o", "{REQUEST_METHOD}e"]
    wanted = "|".join(f"%({atom})s" for atom in atoms)
    with serve("app", "--access-logfile", "access.log", "--access-logformat", wanted, cwd=tmp_path) as server:
        assert server.get("/path?query", ("X-One", "1"), ("Referer", "r"), ("User-Agent", "ua")).status == 200
    (line,) = (tmp_path / "access.log").read_text().splitlines()
    got = dict(zip(atoms, line.split("|"), strict=True))
    assert "" not in got.values()
    told = [got[atom] for atom in ("h", "r", "m", "U", "q", "s", "B", "f", "a", "{x-one}i", "{content-type}o")]
    assert told == [
        "127.0.0.1",
        "GET /path?query HTTP/1.1",
        "GET",
        "/path",
        "query",
        "200",
        "6",
        "r",
        "ua",
        "1",
        "text/plain",
    ]
