"""The asgi worker on a real socket: what an application may do, and what its clients then see."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.apps import write_app
from tests.live.asgi_app import APP, MOST, gate_at
from tests.live.census import Census
from tests.live.conftest import ASGI
from tests.live.server import Running, serve
from tests.live.wire import chunked, request


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_app(tmp_path_factory.mktemp("asgi"), APP)
    (directory / "big").write_bytes(os.urandom(MOST))
    return directory


@pytest.fixture(scope="module", params=list(ASGI))
def server(request: pytest.FixtureRequest, directory: Path) -> Iterator[Running]:
    """Exceptions are made on purpose, so the log has tracebacks."""
    flags = [*ASGI[request.param], "--asgi-disconnect-grace-period", "0.2"]
    with serve("app", *flags, cwd=directory, tracebacks=True) as running:
        yield running


def test_content_is_echoed_as_it_comes(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("POST", "/echo", [("Transfer-Encoding", "chunked")]) + b"5\r\nfirst\r\n")
        wire.until(b"first\r\n")
        wire.send(b"6\r\nsecond\r\n0\r\n\r\n")
        assert b"second" in wire.until(b"0\r\n\r\n")
        assert wire.at_end()  # a response that began before its request had ended promised no more
    with server.connect() as wire:
        assert wire.ask("POST", "/echo", body=b"x" * 40_000).body == b"x" * 40_000


def test_a_client_that_waits_for_100_gets_it_when_the_application_reads(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("POST", "/echo", [("Expect", "100-continue"), ("Content-Length", "2")]))
        wire.until(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.send(b"hi")
        assert wire.reply("POST").body == b"hi"


def test_content_that_nobody_reads_ends_the_connection_without_a_reset(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("POST", "/ignores_content", [("Content-Length", "200000")]) + b"x" * 1000)
        assert wire.reply("POST").body == b"hello"
        wire.send(b"x" * 199_000)
        assert wire.at_end()


def test_a_length_that_was_announced_is_kept_or_the_connection_ends(server: Running) -> None:
    with server.connect() as wire:
        assert wire.ask("GET", "/more_than_it_said").body == b"hello"
        assert wire.ask("GET", "/hello").body == b"hello"
        server.log.wait_for("sent 7 octets more than its Content-Length at GET /more_than_it_said")
        wire.send(request("GET", "/less_than_it_said"))
        assert wire.rest().endswith(b"hel")


def test_content_that_breaks_http_is_refused(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("POST", "/reads", [("Transfer-Encoding", "chunked")]) + b"zz\r\n")
        assert wire.reply("POST").status == 400
        assert wire.at_end()
    server.log.wait_for("read http.disconnect")


@pytest.mark.parametrize("loop", list(ASGI))
def test_a_client_that_leaves_is_told_of(directory: Path, loop: str) -> None:
    gate = gate_at(directory, "listens")
    with serve("app", *ASGI[loop], cwd=directory, tracebacks=True) as patient:  # for the default of 3 s
        with patient.connect() as wire:
            wire.send(request("GET", "/listens"))
            gate.wait_until_reached()
        gate.open()
        patient.log.wait_for("heard http.disconnect")
        patient.log.wait_for("listened on: CancelledError")


def test_who_has_heard_the_disconnect_and_listens_on_waits_and_then_is_told_that_there_is_nothing(
    server: Running,
) -> None:
    """Its response is complete, so it is not cancelled."""
    assert server.get("/listens_on").body == b"hello"
    server.log.wait_for("then heard http.disconnect")
    server.log.wait_for("then ClientLeftError")
    assert server.log.text.count("then heard http.disconnect") == 1


def test_who_asks_again_and_again_hears_the_disconnect_once(server: Running) -> None:
    assert server.get("/asks").body == b"hello"
    server.log.wait_for(r"asked and was told \['http.disconnect'\]")


def test_who_does_not_listen_is_cancelled_after_the_grace(server: Running, directory: Path) -> None:
    gate = gate_at(directory, "never")
    with server.connect() as wire:
        wire.send(request("GET", "/never"))
        gate.wait_until_reached()
        gate.open()
    server.log.wait_for("the application was cancelled")


@pytest.mark.parametrize("loop", list(ASGI))
def test_a_client_that_closes_its_half_has_its_answer_within_the_grace_and_the_log_tells_of_its_end(
    directory: Path, loop: str
) -> None:
    with serve("app", *ASGI[loop], cwd=directory, tracebacks=True) as server:
        with server.connect() as quick:
            quick.send(request("GET", "/answers_who_left"))
            quick.sock.shutdown(socket.SHUT_WR)
            assert quick.reply().body == b"hello"
            assert quick.at_end()
        gate = gate_at(directory, "never")
        with server.connect() as late:
            late.send(request("GET", "/never"))
            gate.wait_until_reached()
            late.sock.shutdown(socket.SHUT_WR)
            gate.open()
            assert late.at_end()
        server.log.wait_for("the client of GET /never HTTP/1.1 closed its connection, or its own half of it, and the ")
        server.log.wait_for("cancelled 3 s later. .* raise --asgi-disconnect-grace-period")
        assert "answers_who_left" not in server.log.text


def test_background_work_outlives_the_response_and_the_connection(server: Running, directory: Path) -> None:
    gate = gate_at(directory, "background")
    with server.connect() as wire:
        assert wire.ask("GET", "/background").body == b"hello"
        assert wire.ask("GET", "/hello").body == b"hello"
        gate.wait_until_reached()
    gate.open()
    server.log.wait_for("the background work is done")


def test_send_waits_for_a_slow_client_and_raises_when_it_has_left(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("GET", "/floods"))
        wire.until(b"\r\n\r\n")
    server.log.wait_for("send raised (ClientLeftError|CancelledError)")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/returns_early", "returned without an answer at GET /returns_early"),
        ("/raises_at_once", "raised at GET /raises_at_once"),
        ("/raises_after_start", "raised at GET /raises_after_start"),
        ("/starts_twice", "broke HTTP at GET /starts_twice HTTP/1.1: http.response.start cannot follow the head"),
        ("/splits", "broke HTTP at GET /splits"),
        ("/exits", "raised at GET /exits"),
        ("/status?99", "broke HTTP at GET /status"),
    ],
)
def test_what_fails_before_content_is_a_500(server: Running, path: str, said: str) -> None:
    with server.connect() as wire:
        assert wire.ask("GET", path).status == 500
        assert wire.at_end()
    server.log.wait_for(said)


@pytest.mark.parametrize("path", ["/returns_without_end", "/raises_in_content"])
def test_what_fails_in_the_middle_is_cut_off(server: Running, path: str) -> None:
    with server.connect() as wire:
        wire.send(request("GET", path))
        rest = wire.rest()
    assert rest.endswith(b"4\r\nsome\r\n")
    server.log.wait_for(f"{path} HTTP/1.1; the response was cut off")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_content_has_none(server: Running, status: int) -> None:
    with server.connect() as wire:
        reply = wire.ask("GET", f"/status?{status}")
        assert (reply.status, reply.body) == (status, b"")
        assert wire.ask("HEAD", "/hello").body == b""
        assert wire.ask("GET", "/hello").body == b"hello"


def test_trailers_go_to_who_asks_for_them(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("GET", "/trailers", [("TE", "trailers")]))
        assert wire.until(b"\r\n\r\n")
        assert wire.until(b"x-more: 2\r\n\r\n") == b"4\r\ntold\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n"
        assert wire.ask("GET", "/trailers").body == b"not told"


def test_early_hints_come_before_the_response(server: Running) -> None:
    with server.connect() as wire:
        reply = wire.ask("GET", "/hints")
        assert (reply.interim, reply.status) == ([103], 200)


def test_a_path_is_sent_whole_and_the_connection_goes_on(server: Running, directory: Path) -> None:
    with server.connect() as wire:
        assert wire.ask("GET", "/path").body == (directory / "big").read_bytes()
        assert wire.ask("HEAD", "/path")["Content-Length"] == str(MOST)
        assert wire.ask("GET", "/hello").body == b"hello"


def test_pipelined_requests_are_answered_in_order(server: Running, directory: Path) -> None:
    gate = gate_at(directory, "slow")
    with server.connect() as wire:
        wire.send(request("GET", "/slow") + request("GET", "/hello") * 40 + request("POST", "/echo", body=b"last"))
        gate.wait_until_reached()
        gate.open()
        assert [wire.reply().body for _ in range(42)] == [b"slow", *[b"hello"] * 40, b"last"]


@pytest.mark.parametrize("path", ["/contexts", "/contexts?suspended"])
def test_an_application_runs_in_a_task(server: Running, path: str) -> None:
    assert server.get(path).body == b"hello"


@pytest.mark.parametrize("loop", list(ASGI))
def test_nothing_is_left_of_connections_that_ended_badly(directory: Path, loop: str) -> None:
    """In a worker of its own: what other tests have left behind would be counted."""
    with serve("app", *ASGI[loop], cwd=directory, tracebacks=True) as server:
        census = Census(server)
        for _ in range(20):
            end_badly(server)
        census.wait_until_back()


def end_badly(server: Running) -> None:
    with server.connect() as wire:
        wire.send(request("POST", "/echo", [("Transfer-Encoding", "chunked")]) + chunked(b"x")[:-3])
    with server.connect() as wire:
        wire.send(b"GET / HTTP/1.1\r\n bad\r\n\r\n")
    with server.connect() as wire:
        wire.send(request("GET", "/path"))
        wire.until(b"\r\n\r\n")
