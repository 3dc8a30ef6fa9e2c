"""WebSockets on the asgi worker: messages, how they begin and how they end; by a library and octet by octet."""

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.live.apps import write_app
from tests.live.census import Census, facts
from tests.live.secure import Authority
from tests.live.server import Running, serve
from tests.live.talkers import APP, asked, connect, talk, uri
from tests.live.wire import request
from tests.unit.http.frames import PING, PONG, TEXT, close, close_of, frame, text

ASGI = ("app:app", "--worker-class", "asgi", "--workers", "1", "--access-logfile", "-")


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    write_app(tmp_path, APP)
    with serve(*ASGI, "--asgi-loop", request.param, cwd=tmp_path, tracebacks=True) as running:
        yield running


@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_come_back_as_they_were(server: Running, compression: str | None) -> None:
    with connect(uri(server), compression=compression) as client:
        for message in ("", "short", "snöw ☃" * 50, b"", b"\x00\xff", b"x" * 126, b"x" * 70_000, "y" * 1_000_000):
            client.send(message)
            assert client.recv() == message
        client.send(["in ", "frag", "ments"])
        assert client.recv() == "in fragments"
        assert client.ping().wait(60)
        many = [f"message {i}" for i in range(500)]
        for message in many:
            client.send(message)
        assert [client.recv() for _ in many] == many


def test_the_scope_is_that_of_a_websocket(server: Running) -> None:
    offered = [Subprotocol("chat"), Subprotocol("v2")]
    with connect(uri(server, "/scope?room=%20"), subprotocols=offered, compression=None) as client:
        told = json.loads(client.recv())
        host, port = client.local_address
    assert told | {"client": None, "server": None} == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/scope",
        "raw_path": "b'/scope'",
        "query_string": "b'room=%20'",
        "root_path": "",
        "client": None,
        "server": None,
        "subprotocols": ["chat", "v2"],
        "extensions": {"websocket.http.response": {}},
    }
    assert told["client"] == [host, port]
    assert told["server"] == list(server.address)


def test_the_application_chooses_a_subprotocol_and_adds_fields(server: Running) -> None:
    offered = [Subprotocol("v2"), Subprotocol("chat")]
    with connect(uri(server, "/chosen"), subprotocols=offered) as client:
        assert client.subprotocol == "chat"
    with connect(uri(server)) as client:
        assert client.response is not None
        assert client.response.headers["X-Worker"] == str(facts(server)["pid"])
    assert asked(server, "/chosen").reply().status == 500
    server.log.wait_for(r"broke the WebSocket GET /chosen HTTP/1.1: the subprotocol 'chat' was not offered")


def test_before_accept_the_answer_is_an_ordinary_one(server: Running) -> None:
    assert asked(server, "/refused").reply().status == 403
    server.log.wait_for("refused, and told so")
    denied = asked(server, "/denied").reply()
    assert (denied.status, denied["WWW-Authenticate"], denied.text) == (401, "Basic", "who are you?")
    assert asked(server, "/raises_before").reply().status == 500
    server.log.wait_for("RuntimeError: before accept")
    assert asked(server, "/returns_before").reply().status == 500
    server.log.wait_for("returned without accepting or closing the WebSocket GET /returns_before")
    assert not asked(server, "/denied_in_part").rest().endswith(b"0\r\n\r\n")
    for status, path in ((403, "refused"), (401, "denied"), (500, "raises_before"), (500, "returns_before")):
        server.log.wait_for(rf'"GET /{path} HTTP/1.1" {status} ')
    with pytest.raises(InvalidStatus, match="403"):
        connect(uri(server, "/refused"))


def test_after_accept_the_client_learns_by_a_code_how_it_ended(server: Running) -> None:
    for path, code in (("returns_after", 1000), ("raises_after", 1011), ("closes", 4001), ("sends_after_close", 1000)):
        with connect(uri(server, f"/{path}")) as client, contextlib.suppress(ConnectionClosed):
            while True:
                assert client.recv() == "last words"
        assert client.close_code == code, path
    server.log.wait_for("RuntimeError: after accept")
    server.log.wait_for("closed with 4001 enough")
    server.log.wait_for("'websocket.send' cannot be sent while the WebSocket is closed")


def test_the_application_learns_once_how_its_client_left(server: Running) -> None:
    talks = {"4000 'bye'": close(4000, "bye"), "1005 ''": frame(8), "1006 ''": b"", "1002 'invalid opcode'": frame(3)}
    for said in talks.values():
        one = talk(server)
        one.send(text("x"))
        assert one.read() == (0x80 | TEXT, b"x")
        if said:
            one.send(said)
            one.read()
            assert one.read() is None
        one.wire.close()
    for told in talks:
        server.log.wait_for(f"left {told} end")
    assert server.log.text.count("left ") == len(talks)


def test_frames_in_one_packet_with_the_handshake_are_not_lost(server: Running) -> None:
    one = talk(server, first=text("early") + frame(PING, b"p"))
    assert {one.read(), one.read()} == {(0x80 | TEXT, b"early"), (0x80 | PONG, b"p")}
    one.send(close(1000))
    assert one.read() == close_of(1000)


def test_a_handshake_that_is_none_is_refused_and_other_versions_are_told_ours(server: Running) -> None:
    bad = request(
        "GET", "/echo", [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
    )
    wire = server.connect()
    wire.send(bad)
    assert wire.reply().status == 400
    wire = server.connect()
    wire.send(bad.replace(b"13", b"8"))
    reply = wire.reply()
    assert (reply.status, reply["Sec-WebSocket-Version"], reply["Upgrade"]) == (426, "13", "websocket")
    wire = server.connect()
    wire.send(bad.replace(b"HTTP/1.1", b"HTTP/1.0"))  # knows no upgrade (RFC 9110 7.8)
    assert wire.reply().status == 200


def test_each_websocket_has_one_line_in_the_access_log_when_it_ends(server: Running) -> None:
    with connect(uri(server), compression=None) as client:
        client.send("12345")
        client.recv()
        server.get("/")
        assert " 101 " not in server.log.wait_for('"GET / HTTP/1.1" 200')[0].string
    server.log.wait_for(r'"GET /echo HTTP/1.1" 101 7 ')
    server.get("/last")
    server.log.wait_for('"GET /last')
    assert server.log.text.count('"GET /echo') == 1


def test_who_sends_no_pong_is_let_go_and_who_does_is_kept(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    quick = ("--ws-ping-interval", "100ms", "--ws-ping-timeout", "3s")
    with serve(*ASGI, *quick, cwd=tmp_path) as server, connect(uri(server), ping_interval=None) as lively:
        dead = talk(server)
        ping = dead.read()
        assert ping is not None
        assert ping[0] == 0x80 | PING
        assert dead.read() == close_of(1011, "no pong in time")
        assert dead.read() is None
        server.log.wait_for("left 1011")
        lively.send("still here")
        assert lively.recv() == "still here"


def test_the_deadline_of_requests_is_for_the_handshake_only(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    with serve(*ASGI, "--timeout", "4", cwd=tmp_path) as server, connect(uri(server)) as client:
        assert asked(server, "/stuck").reply().status == 504  # by then the other one is older than the deadline
        server.log.wait_for(r"did not accept or close the WebSocket GET /stuck HTTP/1.1 within 4 s")
        server.log.wait_for(r"in stuck")
        client.send("old, and alive")
        assert client.recv() == "old, and alive"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_denial_that_says_nothing_for_timeout_is_cut_off_and_one_that_goes_on_is_not(
    tmp_path: Path, loop: str
) -> None:
    write_app(tmp_path, APP)
    with serve(*ASGI, "--asgi-loop", loop, "--timeout", "4", cwd=tmp_path) as server:
        census = Census(server)
        slow, stuck = asked(server, "/denied_slowly"), asked(server, "/denied_and_stuck")
        stuck.until(b"who ")
        assert stuck.rest() == b"\r\n"  # no chunk says that it was all
        server.log.wait_for(r"sent nothing more of its answer to the WebSocket GET /denied_and_stuck HTTP/1.1 for 4 s")
        assert "504" not in server.log.text
        server.log.wait_for(r'"GET /denied_and_stuck HTTP/1.1" 401 4 ')
        assert slow.reply().text == "who " + "are " * 24 + "you?"  # it took longer
        slow.close()
        census.wait_until_back()
        assert server.log.text.count('"GET /denied_and_stuck') == 1


def test_an_application_that_forgets_its_client_is_cancelled(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    with serve(*ASGI, "--asgi-disconnect-grace-period", "100ms", cwd=tmp_path) as server:
        census = Census(server)
        talk(server, "/forgets").wire.close()
        server.log.wait_for("was cancelled")
        census.wait_until_back()
        asked(server, "/stuck").close()  # before accept too
        server.log.wait_for('"GET /stuck HTTP/1.1" 499')
        census.wait_until_back()


def test_without_the_package_the_log_says_what_to_install(tmp_path: Path) -> None:
    write_app(tmp_path, "import sys\nsys.modules['websockets'] = None\n" + APP)
    with serve(*ASGI, cwd=tmp_path) as server:
        for _ in range(2):
            assert asked(server, "/echo").reply().status == 501
        assert server.get("/").status == 200
    assert server.log.text.count("pip install 'tonnage[asgi]'") == 1


def test_no_extension_is_agreed_on_when_it_is_switched_off(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
    with serve(*ASGI, "--no-websocket-per-message-deflate", cwd=tmp_path) as server:
        assert b"permessage-deflate" not in talk(server, "/echo", offer).head
    with serve(*ASGI, cwd=tmp_path) as server:
        assert b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12" in (
            talk(server, "/echo", offer).head
        )


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_over_tls_it_is_the_same(tmp_path: Path, loop: str) -> None:
    write_app(tmp_path, APP)
    authority = Authority(tmp_path)
    with serve(*ASGI, *authority.flags, "--asgi-loop", loop, "--ws-max-size", "1000000", cwd=tmp_path) as server:
        with connect(uri(server, "/scope"), ssl=authority.trust()) as client:
            assert json.loads(client.recv())["scheme"] == "wss"
        with connect(uri(server), ssl=authority.trust()) as client:
            for message in ("short", b"x" * 900_000, "snöw ☃" * 50):
                client.send(message)
                assert client.recv() == message
            client.send(b"x" * 1_100_000)
            with pytest.raises(ConnectionClosed):
                client.recv()
            assert client.close_code == 1009
        with connect(uri(server), ssl=authority.trust()) as client:
            server.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed):
                client.recv()
            assert client.close_code == 1012
