"""TLS on a real socket, both worker classes: HTTP is the same inside, and a handshake never holds up anybody."""

import hashlib
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.apps import ASGI_ECHO, ECHO, write_app
from tests.live.conftest import ASGI, WORKERS
from tests.live.limits import room_for
from tests.live.secure import Authority, SecureWire, plain_socket
from tests.live.server import Running, serve
from tests.live.wire import request

HALF_OPEN = 500
BIG = 24 << 20  # more than any socket buffer takes

APP = (
    ECHO.replace("def application", "def echo")
    + """
BIG = 24 << 20
BLOCK = bytes(range(256)) * 256

def block(environ, start_response):
    start_response("200 OK", [])
    return [BLOCK * (BIG // 65536)]

def pieces(environ, start_response):
    start_response("200 OK", [])
    return (BLOCK for _ in range(BIG // 65536))

def file(environ, start_response):
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](open("big", "rb"))

def raises_late(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"so far, so good"
    raise LookupError("this page fails half way")

def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)
"""
)
ASGI_APP = (
    ASGI_ECHO.replace("def application", "def echo").replace("told = {", 'told = {"tls": scope["extensions"]["tls"],')
    + """
BIG = 24 << 20
BLOCK = bytes(range(256)) * 256

async def start(send):
    await send({"type": "http.response.start", "status": 200, "headers": []})

async def block(scope, receive, send):
    await start(send)
    await send({"type": "http.response.body", "body": BLOCK * (BIG // 65536)})

async def pieces(scope, receive, send):
    await start(send)
    for number in range(BIG // 65536):
        await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
    await send({"type": "http.response.body"})

async def file(scope, receive, send):
    await start(send)
    await send({"type": "http.response.pathsend", "path": __file__.replace("app.py", "big")})

async def raises_late(scope, receive, send):
    await start(send)
    await send({"type": "http.response.body", "body": b"so far, so good", "more_body": True})
    raise LookupError("this page fails half way")

async def application(scope, receive, send):
    assert scope["type"] == "http"
    await globals()[scope["path"].strip("/")](scope, receive, send)
"""
)
CONTENT = hashlib.sha256(bytes(range(256)) * 256 * (BIG // 65536)).digest()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=[*WORKERS, *ASGI])
def server(
    request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    directory = write_app(tmp_path_factory.mktemp("tls"), ASGI_APP if request.param in ASGI else APP)
    (directory / "big").write_bytes(bytes(range(256)) * 256 * (BIG // 65536))
    flags = [*authority.flags, "--log-level", "debug", "--access-logfile", "-", "--head-timeout", "30"]
    with serve("app", *{**WORKERS, **ASGI}[request.param], *flags, cwd=directory, tracebacks=True) as running:
        yield running


@pytest.fixture
def wire(server: Running, authority: Authority) -> Iterator[SecureWire]:
    with SecureWire(server, authority.trust()) as opened:
        yield opened


@pytest.fixture
def files() -> Iterator[None]:
    """Room for the clients' sockets."""
    with room_for(2 * HALF_OPEN):
        yield


def test_the_server_says_https_and_so_does_the_environ(server: Running, wire: SecureWire) -> None:
    assert server.urls[0].startswith("https://127.0.0.1:")
    server.log.wait_for(r"Listening at: https://127\.0\.0\.1:\d+ ")
    told = json.loads(wire.ask("GET", "/echo").body)
    cipher = (wire.sock.cipher() or ("",))[0]
    if "tls" in told:
        assert told["scheme"] == "https"
        assert told["tls"]["tls_version"] == 0x0304
        assert told["tls"]["cipher_suite"] == {"TLS_AES_256_GCM_SHA384": 0x1302}[cipher]
        return
    assert told["wsgi.url_scheme"] == "https"
    assert told["HTTPS"] == "on"
    assert told["SSL_PROTOCOL"] == wire.sock.version() == "TLSv1.3"
    assert told["SSL_CIPHER"] == cipher
    assert "SSL_CLIENT_VERIFY" not in told


def test_a_connection_is_kept_and_ends_with_a_goodbye(wire: SecureWire) -> None:
    for _ in range(3):
        assert wire.ask("GET", "/echo").status == 200
    assert wire.ask("GET", "/echo", [("Connection", "close")]).status == 200
    assert wire.at_end(), "and no SSLError"


def test_pipelined_requests_are_all_answered_though_one_read_brings_them(wire: SecureWire) -> None:
    wire.send(b"".join(request("GET", f"/echo?{number}") for number in range(1500)))  # four records and more
    assert [json.loads(wire.reply().body)["QUERY_STRING"] for _ in range(1500)] == [str(n) for n in range(1500)]


def test_a_body_of_megabytes_arrives_whole(wire: SecureWire) -> None:
    body = bytes(range(256)) * 4096 * 8
    told = json.loads(wire.ask("POST", "/echo", body=body).body)
    assert (told["length"], told["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert wire.ask("GET", "/echo").status == 200


@pytest.mark.parametrize("path", ["/block", "/pieces", "/file"])
def test_an_answer_of_megabytes_arrives_whole_and_the_connection_stays(wire: SecureWire, path: str) -> None:
    assert hashlib.sha256(wire.ask("GET", path).body).digest() == CONTENT
    assert wire.ask("GET", "/echo").status == 200


@pytest.mark.parametrize("path", ["/block", "/pieces", "/file"])
def test_a_client_that_does_not_read_a_big_answer_does_not_hold_the_worker(
    server: Running, authority: Authority, wire: SecureWire, path: str
) -> None:
    wire.send(request("GET", path))
    wire.until(b"\r\n\r\n")
    with SecureWire(server, authority.trust()) as other:
        assert other.ask("GET", "/echo").status == 200
    wire.send(request("GET", path, [("Connection", "close")]))
    assert len(wire.rest()) > 2 * BIG


def test_an_answer_that_is_cut_off_has_no_goodbye(wire: SecureWire) -> None:
    wire.send(b"GET /raises_late HTTP/1.0\r\n\r\n")
    assert wire.until(b"so far, so good")
    with pytest.raises(ssl.SSLError, match="EOF"):
        wire.rest()


def test_a_handshake_that_arrives_octet_by_octet_is_a_handshake(server: Running, authority: Authority) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.trust().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with plain_socket(server) as sock:

        def exchange() -> None:
            for octet in outgoing.read():
                sock.send(bytes([octet]))
            incoming.write(sock.recv(65536))

        def until_done(step: Callable[[], bytes | None]) -> bytes:
            while True:
                try:
                    return step() or b""
                except ssl.SSLWantReadError:
                    exchange()

        until_done(client.do_handshake)
        client.write(request("GET", "/echo"))
        assert until_done(lambda: client.read(100)).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.usefixtures("files")
def test_500_half_open_handshakes_keep_nobody_waiting(server: Running, authority: Authority) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = authority.trust().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    octets = outgoing.read()
    held = [socket.create_connection(server.address) for _ in range(HALF_OPEN)]  # type: ignore[arg-type]
    try:
        for number, sock in enumerate(held):
            sock.sendall(octets[: number % len(octets)])
        for _ in range(20):
            with SecureWire(server, authority.trust()) as wire:
                assert wire.ask("GET", "/echo", [("Connection", "close")]).status == 200
    finally:
        for sock in held:
            sock.close()


@pytest.mark.parametrize("octets", [b"\x16\x03\x01\x00\x05hello", b"\x80\x2e\x01\x00\x02", bytes(100), b"\x15" * 7])
def test_what_is_no_handshake_gets_an_alert_or_an_end(server: Running, wire: SecureWire, octets: bytes) -> None:
    with plain_socket(server) as sock:
        sock.sendall(octets)
        sock.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer == b"" or answer.startswith(b"\x15\x03"), "a record of type alert"
    assert wire.ask("GET", "/echo").status == 200


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "BREW"])
def test_http_without_tls_is_told_what_is_spoken_here(server: Running, method: str) -> None:
    with server.connect() as plain:
        plain.send(request(method, "/echo"))
        reply = plain.reply(method)
        assert (reply.status, reply["Connection"]) == (400, "close")
        assert "this port speaks TLS; ask for https://" in reply.text
        assert plain.at_end()
    server.log.wait_for(r'"-" 400 \d+')


def test_tls_1_2_is_spoken_and_1_1_is_not(server: Running, authority: Authority) -> None:
    context = authority.trust()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with SecureWire(server, context) as wire:
        assert wire.sock.version() == "TLSv1.2"
        assert wire.ask("GET", "/echo").status == 200
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|UNEXPECTED_EOF"):  # an event loop sends no alert
        SecureWire(server, old)


def test_a_session_is_resumed(server: Running, authority: Authority) -> None:
    context = authority.trust()
    with SecureWire(server, context) as first:
        first.ask("GET", "/echo")
        session = first.sock.session
    with SecureWire(server, context, session) as second:
        assert second.sock.session_reused
        assert second.ask("GET", "/echo").status == 200


def test_what_a_client_sends_after_a_refusal_does_not_reset_it(wire: SecureWire) -> None:
    wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + bytes(100_000))
    assert wire.reply().status == 400
    assert wire.at_end()


def test_a_half_open_handshake_ends_with_the_time_for_a_head(authority: Authority, tmp_path: Path) -> None:
    flags = [*authority.flags, "--head-timeout", "1"]
    with serve("app", *flags, cwd=write_app(tmp_path, APP)) as running, plain_socket(running) as sock:
        sock.sendall(b"\x16\x03\x01")
        assert sock.recv(100) == b""


def test_a_request_that_hangs_is_answered_with_504_over_tls_too(authority: Authority, tmp_path: Path) -> None:
    app = "import time\ndef application(environ, start_response):\n    time.sleep(60)\n"
    flags = [*authority.flags, "--threads", "2", "--timeout", "1"]
    with (
        serve("app", *flags, cwd=write_app(tmp_path, app)) as running,
        SecureWire(running, authority.trust()) as wire,
    ):
        assert wire.ask("GET", "/").status == 504


@pytest.mark.parametrize("suppressed", [True, False])
def test_an_end_without_a_goodbye_is_an_end_unless_the_setting_says_otherwise(
    authority: Authority, tmp_path: Path, suppressed: bool
) -> None:
    (write_app(tmp_path, APP) / "gunicorn.conf.py").write_text(f"suppress_ragged_eofs = {suppressed}\n")
    with (
        serve("app", *authority.flags, cwd=tmp_path) as running,
        SecureWire(running, authority.trust()) as wire,
    ):
        assert wire.ask("GET", "/echo").status == 200
        wire.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfour")
        socket.socket.shutdown(wire.sock, socket.SHUT_WR)  # below TLS
        if suppressed:
            assert wire.reply("POST").status == 400
        assert wire.at_end()


# -- the certificates of clients ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_must_have_a_certificate_where_it_is_required(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion, workers: list[str]
) -> None:
    flags = [*authority.flags, "--ca-certs", str(authority.directory / "ca.pem"), "--cert-reqs", "2", *workers]
    with serve("app", *flags, cwd=write_app(tmp_path, APP)) as running:

        def come(identity: Path | None) -> dict[str, str]:
            context = authority.trust()
            context.maximum_version = version
            if identity is not None:
                context.load_cert_chain(identity)
            with SecureWire(running, context) as wire:
                told: dict[str, str] = json.loads(wire.ask("GET", "/echo").body)
                return told

        told = come(authority.identity("claire"))
        assert told["SSL_CLIENT_VERIFY"] == "SUCCESS"
        assert told["SSL_CLIENT_S_DN"].startswith("CN=claire,OU=")
        assert told["SSL_CLIENT_CERT"].startswith("-----BEGIN CERTIFICATE-----\n")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            come(None)
        running.log.wait_for(r"\[WARNING\] the client at 127\.0\.0\.1 is refused: it has sent no certificate")
        (tmp_path / "foreign").mkdir()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            come(Authority(tmp_path / "foreign").identity("mallory"))
        running.log.wait_for(
            r"\[WARNING\] the certificate of the client at 127\.0\.0\.1 is refused: unable to get local"
        )
        assert come(authority.identity("claire"))["SSL_CLIENT_VERIFY"] == "SUCCESS"


def test_a_client_may_have_a_certificate_where_it_is_optional(authority: Authority, tmp_path: Path) -> None:
    flags = [*authority.flags, "--ca-certs", str(authority.directory / "ca.pem"), "--cert-reqs", "1"]
    with (
        serve("app", *flags, cwd=write_app(tmp_path, APP)) as running,
        SecureWire(running, authority.trust()) as wire,
    ):
        assert json.loads(wire.ask("GET", "/echo").body)["SSL_CLIENT_VERIFY"] == "NONE"


def test_the_hook_makes_the_context_of_each_worker_once(authority: Authority, tmp_path: Path) -> None:
    (write_app(tmp_path, APP) / "gunicorn.conf.py").write_text(
        """
def ssl_context(config, default_ssl_context_factory):
    import os, ssl
    context = default_ssl_context_factory()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    os.write(1, b"made from %b\\n" % os.path.basename(config.certfile).encode())
    return context
"""
    )
    old = authority.trust()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with serve("app", *authority.flags, "--workers", "2", cwd=tmp_path) as running:
        running.log.wait_for("made from cert.pem", times=2)
        for _ in range(3):
            with SecureWire(running, authority.trust()) as wire:
                assert wire.ask("GET", "/echo").status == 200
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            SecureWire(running, old)
        assert len(re.findall("made from", running.log.text)) == 2
