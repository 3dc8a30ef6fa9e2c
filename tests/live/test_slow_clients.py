"""A slow client costs a file descriptor, never a worker: while it dawdles, others are answered by the same worker."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.apps import ECHO, write_app
from tests.live.conftest import WORKERS
from tests.live.limits import room_for
from tests.live.server import Running, serve
from tests.live.wire import Wire, request

CLIENTS = 500
MIB = 1 << 20
BIG = 24 * MIB  # more than any socket buffer takes

APP = (
    ECHO.replace("def application", "def echo")
    + """
import os

BIG = 24 << 20

def block(environ, start_response):
    start_response("200 OK", [])
    return [bytes(BIG)]

def pieces(environ, start_response):
    start_response("200 OK", [])
    return (bytes(65536) for _ in range(BIG // 65536))

def written(environ, start_response):
    write = start_response("200 OK", [])
    for _ in range(BIG // 65536):
        write(bytes(65536))
    return []

def file(environ, start_response):
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](open("big", "rb"))

def where(environ, start_response):
    # is there an unlinked file of the body's size among the open files of this process?
    length = len(environ["wsgi.input"].read())
    found = False
    for name in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{name}"
        if os.path.islink(path) and os.readlink(path).endswith("(deleted)"):
            found = found or os.stat(path).st_size == length
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"length": length, "on_disk": found}).encode()]

def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)
"""
)


@pytest.fixture(scope="module", params=list(WORKERS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = write_app(tmp_path_factory.mktemp("slow"), APP)
    (directory / "big").write_bytes(bytes(BIG))
    with serve("app", *WORKERS[request.param], cwd=directory) as running:
        yield running


@pytest.fixture
def files() -> Iterator[None]:
    """Room for the clients' sockets."""
    with room_for(2 * CLIENTS):
        yield


@pytest.mark.usefixtures("files")
def test_500_clients_that_send_an_octet_at_a_time_do_not_keep_others_from_being_answered(server: Running) -> None:
    slow = [server.connect() for _ in range(CLIENTS)]
    head = request("POST", "/echo", [("Content-Length", "10")])
    octets = [bytes([octet]) for octet in head + b"0123456789"]
    for octet in octets[:12]:
        send_to_all(slow, octet)
        assert server.get("/echo").status == 200
    send_to_all(slow, b"".join(octets[12:-3]))  # all heads are complete now, no body is
    for octet in octets[-3:]:
        assert server.get("/echo").status == 200
        send_to_all(slow, octet)
    for wire in slow:
        assert json.loads(wire.reply("POST").body)["length"] == 10
        wire.close()


def send_to_all(wires: list[Wire], data: bytes) -> None:
    for wire in wires:
        wire.send(data)


@pytest.mark.parametrize("path", ["/block", "/pieces", "/written", "/file"])
def test_a_client_that_does_not_read_a_big_answer_does_not_hold_the_worker(server: Running, path: str) -> None:
    wire = server.connect()
    wire.send(request("GET", path))
    assert server.get("/echo").status == 200
    assert server.get("/echo").status == 200
    reply = wire.reply()
    assert (len(reply.body), reply.body.count(0)) == (BIG, BIG)


def test_a_client_that_leaves_in_the_middle_of_a_big_answer_is_forgotten(server: Running) -> None:
    for path in ["/block", "/pieces", "/written", "/file"]:
        wire = server.connect()
        wire.send(request("GET", path))
        wire.until(b"\r\n\r\n")
        wire.close()
    assert server.get("/echo").status == 200


def test_a_client_that_leaves_in_the_middle_of_its_body_is_forgotten_and_the_app_not_called(server: Running) -> None:
    wire = server.connect()
    wire.send(request("POST", "/nowhere", [("Content-Length", "1000")]) + b"half")
    wire.close()
    assert server.get("/echo").status == 200
    assert "nowhere" not in server.log.text


@pytest.mark.parametrize(("size", "on_disk"), [(1001, False), (20 * MIB, True)])
def test_a_big_body_waits_in_a_temporary_file_and_a_small_one_in_memory(
    server: Running, size: int, on_disk: bool
) -> None:
    told = json.loads(server.get("/where", method="POST", body=bytes(size)).body)
    assert told == {"length": size, "on_disk": on_disk}


def test_a_big_body_arrives_as_it_was_sent(server: Running) -> None:
    body = bytes(range(256)) * (20 * MIB // 256)
    told = json.loads(server.get("/echo", method="POST", body=body).body)
    assert (told["length"], told["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


LIMITS = ["--head-timeout", "4", "--body-timeout", "4", "--keep-alive", "4"]


def test_a_head_and_a_body_that_do_not_arrive_are_answered_with_408(tmp_path: Path, workers: list[str]) -> None:
    with serve("app", *workers, *LIMITS, cwd=write_app(tmp_path, ECHO)) as server:
        head, body = server.connect(), server.connect()
        head.send(b"GET / HTTP/1.1\r\nHost")
        body.send(request("POST", "/", [("Content-Length", "10")]) + b"half")
        for wire in (head, body):
            reply = wire.reply()
            assert (reply.status, reply["Connection"]) == (408, "close")
            assert wire.at_end()


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(tmp_path: Path, workers: list[str]) -> None:
    with serve("app", *workers, *LIMITS, cwd=write_app(tmp_path, ECHO)) as server:
        silent, kept = server.connect(), server.connect()
        assert kept.ask("GET", "/").status == 200
        assert kept.at_end()
        assert silent.at_end()


def test_a_body_over_the_limit_is_refused_with_413_before_it_is_read(tmp_path: Path, workers: list[str]) -> None:
    with serve("app", *workers, "--limit-request-body", "1000", cwd=write_app(tmp_path, ECHO)) as server:
        wire = server.connect()
        wire.send(request("POST", "/", [("Content-Length", "1001"), ("Expect", "100-continue")]))
        reply = wire.reply("POST")
        assert (reply.status, reply.interim, reply["Connection"]) == (413, [], "close")
        assert server.get("/", method="POST", body=bytes(1000)).status == 200
