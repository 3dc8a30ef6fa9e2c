"""Starlette, FastAPI, Django with Channels, Quart, Litestar and Falcon: what their applications rely on is there.

Answers are compared with those of uvicorn, the server that all of them are tried on by their makers.
"""

from pathlib import Path

import pytest

from tests.live.apps import Gate, Note, write_app
from tests.live.asgi import FRAMEWORKS, Both, serve_asgi
from tests.live.asgi_visits import is_right, visit, visit_raw
from tests.live.server import PATIENCE_S
from tests.live.wire import Wire, parse_address, request

WITH_TASKS = ("starlette", "fastapi", "quart", "litestar")


def test_answers_are_those_that_uvicorn_gives(both: Both) -> None:
    got = visit(both.ours)
    assert got == visit(both.theirs)
    assert [answer.asked for answer in got if is_right(answer)] == ["upload", "raw", "raw, chunked"]


def test_requests_in_one_piece_and_in_many_are_answered_as_by_uvicorn(both: Both) -> None:
    assert visit_raw(both.ours) == visit_raw(both.theirs)


def test_a_connection_is_kept_after_a_whole_answer_that_was_an_error(both: Both) -> None:
    with Wire(parse_address(both.ours), PATIENCE_S) as wire:
        assert wire.ask("GET", "/error").status == 500
        assert wire.ask("GET", "/told/again").status == 200


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_stream_ends_when_its_client_leaves(tmp_path: Path, framework: str) -> None:
    write_app(tmp_path, "")
    left = Note(tmp_path / "left")
    with serve_asgi(framework, cwd=tmp_path, tracebacks=True) as server:
        wire = server.connect()
        wire.send(request("GET", "/endless"))
        wire.until(b"xxx")
        wire.close()
        assert left.read() == "yes"


@pytest.mark.parametrize("framework", WITH_TASKS)
def test_a_background_task_runs_after_the_answer_and_a_stop_waits_for_it(tmp_path: Path, framework: str) -> None:
    gate = Gate(write_app(tmp_path, ""), "background")
    with serve_asgi(framework, cwd=tmp_path) as server:
        assert server.get("/background").text == "at once\n"
        gate.wait_until_reached()
        server.process.terminate()
        server.log.wait_for("Handling signal: term")
        assert not (tmp_path / "done").exists()
        gate.open()
        assert server.wait() == 0
    assert (tmp_path / "done").exists()
    assert (tmp_path / "shut-down").exists()
