"""TLS of the asgi worker, on both loops: what test_tls.py does not say of it already."""

import json
import signal
import ssl
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError

from tests.live.apps import ASGI_ECHO, ASGI_HELLO, write_app
from tests.live.conftest import ASGI
from tests.live.secure import Authority, SecureWire, plain_socket, visited
from tests.live.server import serve
from tests.live.talkers import connect

TELLING = ASGI_ECHO.replace("told = {", 'told = {"tls": scope["extensions"]["tls"],')


@pytest.fixture(params=list(ASGI))
def loop(request: pytest.FixtureRequest) -> list[str]:
    return ASGI[request.param]


@pytest.fixture
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_a_client_must_have_a_certificate_where_it_is_required(
    authority: Authority, tmp_path: Path, loop: list[str]
) -> None:
    flags = [*authority.flags, "--ca-certs", str(authority.directory / "ca.pem"), "--cert-reqs", "2", *loop]
    with serve("app", *flags, cwd=write_app(tmp_path, TELLING)) as running:
        context = authority.trust()
        context.load_cert_chain(authority.identity("claire"))
        with SecureWire(running, context) as wire:
            told = json.loads(wire.ask("GET", "/").body)["tls"]
        assert told["client_cert_name"].startswith("CN=claire,OU=")
        assert told["client_cert_chain"][0].startswith("-----BEGIN CERTIFICATE-----\n")
        with pytest.raises((ssl.SSLError, ConnectionError)), SecureWire(running, authority.trust()) as wire:
            wire.ask("GET", "/")
        running.log.wait_for(r"\[WARNING\] the client at 127\.0\.0\.1 is refused: it has sent no certificate")


def test_a_renewed_certificate_is_taken_up_and_no_request_is_lost(
    authority: Authority, tmp_path: Path, loop: list[str]
) -> None:
    with (
        serve("app", *authority.flags, *loop, cwd=write_app(tmp_path, ASGI_HELLO)) as running,
        visited(running, authority),
    ):
        renewed = authority.renew()
        running.log.wait_for(r"\[INFO\] the TLS files have changed: new connections get the new \S*cert\.pem")
        with SecureWire(running, authority.trust()) as wire:
            assert wire.sock.getpeercert(binary_form=True) == renewed


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"])
def test_a_half_open_handshake_does_not_hold_a_stop(
    authority: Authority, tmp_path: Path, loop: list[str], said: bytes
) -> None:
    flags = [*authority.flags, *loop, "--head-timeout", "0", "--graceful-timeout", "600"]
    with serve("app", *flags, cwd=write_app(tmp_path, ASGI_HELLO)) as running, plain_socket(running) as sock:
        sock.sendall(said)
        with SecureWire(running, authority.trust()) as wire:
            assert wire.ask("GET", "/").status == 200, "it was taken in after the other"
        running.signal(signal.SIGTERM)
        assert sock.recv(100) == b""
        assert running.wait() == 0


def test_a_half_open_handshake_ends_with_the_time_for_a_head(
    authority: Authority, tmp_path: Path, loop: list[str]
) -> None:
    flags = [*authority.flags, *loop, "--head-timeout", "1"]
    with serve("app", *flags, cwd=write_app(tmp_path, ASGI_HELLO)) as running, plain_socket(running) as sock:
        sock.sendall(b"\x16\x03\x01")
        assert sock.recv(100) == b""


def test_a_websocket_is_wss_and_says_goodbye_at_a_stop(authority: Authority, tmp_path: Path, loop: list[str]) -> None:
    app = """
async def app(scope, receive, send):
    assert await receive() == {"type": "websocket.connect"}
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": f"{scope['scheme']} {scope['extensions']['tls']['tls_version']:#x}"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": event["bytes"]})
"""
    with serve("app", *authority.flags, *loop, cwd=write_app(tmp_path, app)) as running:
        url = running.urls[0].replace("https:", "wss:")
        with connect(url, ssl=authority.trust(), max_size=None) as socket:
            assert socket.recv() == "wss 0x304"
            for size in (1, 70_000, 3 << 20):
                socket.send(bytes(size))
                assert socket.recv() == bytes(size)
            running.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosedError):
                socket.recv()
            assert socket.close_code == 1012
        assert running.wait() == 0
