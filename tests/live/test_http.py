"""HTTP/1 on a real socket, both worker classes: what a client that knows the RFC may rely on."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.apps import ECHO, write_app
from tests.live.conftest import WORKERS
from tests.live.server import Running, serve
from tests.live.wire import chunked, request

APP = (
    ECHO.replace("def application", "def echo")
    + """
def nothing(environ, start_response):
    start_response(environ["QUERY_STRING"].replace("+", " "), [])
    return [b"a body that this status may not have"]

def pieces(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return iter([b"one,", b"", b"two,", b"three"])

def too_much(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"five", b"and more"]

def too_little(environ, start_response):
    start_response("200 OK", [("Content-Length", "50")])
    return [b"five"] if environ["QUERY_STRING"] == "known" else iter([b"fi", b"ve"])

def split(environ, start_response):
    start_response("200 OK", [("X-Name", "value\\r\\nX-Injected: yes")])
    return [b"never seen"]

def bad_status(environ, start_response):
    start_response("20 OK", [])
    return [b"never seen"]

def hinted(environ, start_response):
    environ["wsgi.early_hints"]([("Link", "</site.css>; rel=preload")])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hinted"]

def raises(environ, start_response):
    raise LookupError("this page fails on purpose")

def raises_late(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"so far, so good"
    raise LookupError("this page fails half way")

class Closing:
    def __init__(self, pieces):
        self.pieces = pieces

    def __iter__(self):
        return iter(self.pieces)

    def close(self):
        raise LookupError("this page fails when all is said")

def raises_in_close(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Closing([b"all ", b"of it"])

def raises_after_all(environ, start_response):
    start_response("200 OK", [("Content-Length", "9")])
    yield b"all of it"
    raise LookupError("this page fails when all is given")

def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)
"""
)


@pytest.fixture(scope="module", params=list(WORKERS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = write_app(tmp_path_factory.mktemp("http"), APP)
    with serve("app", *WORKERS[request.param], cwd=directory, tracebacks=True) as running:
        yield running


def test_an_http_1_0_client_gets_an_answer_that_ends_with_the_connection(server: Running) -> None:
    wire = server.connect()
    wire.send(b"GET /pieces HTTP/1.0\r\n\r\n")
    head, _, body = wire.rest().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body == b"one,two,three"


def test_an_http_1_0_client_that_asks_to_keep_the_connection_is_told_so(server: Running) -> None:
    wire = server.connect()
    for _ in range(2):
        wire.send(b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        reply = wire.reply()
        assert reply["Connection"].lower() == "keep-alive"
        assert json.loads(reply.body)["SERVER_PROTOCOL"] == "HTTP/1.0"


def test_pipelined_requests_are_answered_in_their_order(server: Running) -> None:
    wire = server.connect()
    asked = [request("POST", f"/echo?{number}", body=b"x" * number) for number in range(20)]
    wire.send(b"".join(asked))
    told = [json.loads(wire.reply("POST").body) for _ in asked]
    assert [(one["QUERY_STRING"], one["length"]) for one in told] == [(str(n), n) for n in range(20)]


def test_nothing_that_follows_a_close_is_handled(server: Running) -> None:
    wire = server.connect()
    wire.send(request("GET", "/echo?1", [("Connection", "close")]) + request("GET", "/echo?2"))
    reply = wire.reply()
    assert json.loads(reply.body)["QUERY_STRING"] == "1"
    assert reply["Connection"] == "close"
    assert wire.at_end()


@pytest.mark.parametrize("connection", ["keep-alive, close", "Close", "x, CLOSE ,y"])
def test_connection_is_a_list_and_close_in_it_wins(server: Running, connection: str) -> None:
    wire = server.connect()
    assert wire.ask("GET", "/echo", [("Connection", connection)])["Connection"] == "close"
    assert wire.at_end()


def test_a_client_that_expects_100_continue_gets_it_before_it_sends_the_body(server: Running) -> None:
    wire = server.connect()
    wire.send(request("POST", "/echo", [("Expect", "100-continue"), ("Content-Length", "4")]))
    assert wire.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(b"body")
    reply = wire.reply("POST")
    assert (reply.status, reply.interim, json.loads(reply.body)["length"]) == (200, [], 4)
    assert wire.ask("GET", "/echo").status == 200


def test_an_http_1_0_client_never_gets_an_interim_answer(server: Running) -> None:
    wire = server.connect()
    wire.send(b"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody")
    assert wire.rest().startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_request_that_is_refused_gets_no_100_first(server: Running) -> None:
    wire = server.connect()
    wire.send(request("POST", "/echo", [("Expect", "100-continue"), ("Content-Length", "1e3")]))
    reply = wire.reply("POST")
    assert (reply.status, reply.interim) == (400, [])


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_a_chunked_upload_arrives_whole(server: Running, count: int) -> None:
    pieces = [b"%d and some octets," % number for number in range(count)]
    wire = server.connect()
    reply = wire.ask("POST", "/echo", [("Transfer-Encoding", "chunked")], chunked(*pieces))
    told, whole = json.loads(reply.body), b"".join(pieces)
    assert (told["length"], told["sha256"]) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert wire.ask("GET", "/echo").status == 200


def test_trailers_end_a_chunked_body_and_do_not_reach_the_environ(server: Running) -> None:
    wire = server.connect()
    body = b"4\r\nbody\r\n0\r\nX-Trailer: late\r\nX-Forwarded-For: forged\r\n\r\n"
    told = json.loads(wire.ask("POST", "/echo", [("Transfer-Encoding", "chunked")], body).body)
    assert told["length"] == 4
    assert not {"HTTP_X_TRAILER", "HTTP_X_FORWARDED_FOR"} & told.keys()


@pytest.mark.parametrize("body", [b"4\r\nbodyX\r\n0\r\n\r\n", b"-4\r\nbody\r\n0\r\n\r\n", b"0x4\r\nbody\r\n0\r\n\r\n"])
def test_a_malformed_chunked_body_never_reaches_the_app_as_a_complete_one(server: Running, body: bytes) -> None:
    wire = server.connect()
    reply = wire.ask("POST", "/echo", [("Transfer-Encoding", "chunked")], body)
    assert reply.status == 400
    assert wire.at_end()


def test_head_has_the_fields_of_get_and_no_body_and_the_next_answer_follows(server: Running) -> None:
    wire = server.connect()
    wire.send(
        request("GET", "/echo") + request("HEAD", "/echo") + request("HEAD", "/pieces") + request("GET", "/pieces")
    )
    got, headed = wire.reply(), wire.reply("HEAD")
    assert (headed.status, headed.body) == (200, b"")
    assert len(headed["Content-Length"]) == len(got["Content-Length"])
    assert wire.reply("HEAD").body == b""
    assert wire.reply().text == "one,two,three"


@pytest.mark.parametrize("status", ["204+No+Content", "304+Not+Modified"])
def test_a_status_that_has_no_body_gets_none_whatever_the_app_gives(server: Running, status: str) -> None:
    wire = server.connect()
    reply = wire.ask("GET", f"/nothing?{status}")
    assert (reply.status, reply.body) == (int(status[:3]), b"")
    assert reply.values("Transfer-Encoding") == []
    assert wire.ask("GET", "/echo").status == 200


def test_an_answer_of_unknown_length_is_chunked_and_keeps_the_connection(server: Running) -> None:
    wire = server.connect()
    reply = wire.ask("GET", "/pieces")
    assert (reply["Transfer-Encoding"], reply.text) == ("chunked", "one,two,three")
    assert wire.ask("GET", "/echo").status == 200


def test_never_more_octets_are_sent_than_content_length_said(server: Running) -> None:
    wire = server.connect()
    wire.send(request("GET", "/too_much"))
    assert wire.reply().body == b"fivea"


def test_an_answer_that_is_shorter_than_it_said_ends_with_the_connection_and_is_logged(server: Running) -> None:
    wire = server.connect()
    wire.send(request("GET", "/too_little"))
    raw = wire.rest()
    assert b"Content-Length: 50\r\n" in raw
    assert raw.endswith(b"\r\n\r\nfive")
    server.log.wait_for("/too_little")


def test_an_answer_that_is_known_to_be_shorter_than_it_says_is_not_begun(server: Running) -> None:
    assert server.get("/too_little?known").status == 500


@pytest.mark.parametrize("path", ["/split", "/bad_status"])
def test_an_invalid_status_or_field_is_a_clean_500_and_never_a_split_answer(server: Running, path: str) -> None:
    reply = server.get(path)
    assert reply.status == 500
    assert reply.values("X-Injected") == []
    assert b"never seen" not in reply.body


def test_an_exception_before_the_answer_is_a_500_with_its_traceback_in_the_log_only(server: Running) -> None:
    reply = server.get("/raises")
    assert reply.status == 500
    assert "LookupError" not in reply.text
    server.log.wait_for("LookupError: this page fails on purpose")


def test_an_exception_in_the_middle_of_an_answer_leaves_it_visibly_unfinished(server: Running) -> None:
    wire = server.connect()
    wire.send(request("GET", "/raises_late"))
    raw = wire.rest()
    assert b"so far, so good" in raw
    assert not raw.endswith(b"0\r\n\r\n")
    server.log.wait_for("raised at GET /raises_late HTTP/1.1; the response was cut off$")
    server.log.wait_for("LookupError: this page fails half way")


def test_an_exception_after_the_answer_cuts_nothing_off_and_is_not_said_to(server: Running) -> None:
    wire = server.connect()
    for method, body in (("GET", b"all of it"), ("HEAD", b""), ("GET", b"all of it")):
        assert wire.ask(method, "/raises_in_close").body == body, "on one connection"
        server.log.wait_for(f"raised at {method} /raises_in_close HTTP/1.1$")
    server.log.wait_for("LookupError: this page fails when all is said", times=3)
    assert wire.ask("GET", "/raises_after_all").body == b"all of it"
    server.log.wait_for("raised at GET /raises_after_all HTTP/1.1$")
    assert wire.at_end(), "its end was not said"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /\nHTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13, chunked\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    ],
)
def test_a_request_that_breaks_the_rules_gets_its_status_a_plain_sentence_and_the_end(
    server: Running, raw: bytes, status: int
) -> None:
    wire = server.connect()
    wire.send(raw)
    reply = wire.reply()
    assert reply.status == status
    assert reply["Connection"] == "close"
    assert reply["Content-Type"].startswith("text/plain")
    assert wire.at_end()


def test_early_hints_go_ahead_of_the_answer_but_not_to_http_1_0(server: Running) -> None:
    wire = server.connect()
    wire.send(request("GET", "/hinted"))
    hint = wire.until(b"\r\n\r\n")
    assert hint.startswith(b"HTTP/1.1 103 ")
    assert b"Link: </site.css>; rel=preload\r\n" in hint
    assert wire.reply().text == "hinted"
    wire.send(b"GET /hinted HTTP/1.0\r\n\r\n")
    assert wire.rest().startswith(b"HTTP/1.1 200 ")


def test_a_request_line_of_8000_octets_is_fine(server: Running) -> None:
    assert server.get("/echo?" + "a" * 8000).status == 200


def test_the_environ_is_what_pep_3333_and_gunicorn_say(server: Running) -> None:
    told = json.loads(server.get("/%65cho?a=1&b=%20", ("X-One", "1"), ("X-One", "2")).body)
    assert told["PATH_INFO"] == "/echo"
    assert told["RAW_URI"] == "/%65cho?a=1&b=%20"
    assert told["QUERY_STRING"] == "a=1&b=%20"
    assert told["SCRIPT_NAME"] == ""
    assert told["HTTP_HOST"] == "testserver"
    assert told["HTTP_X_ONE"] == "1,2"
    assert (told["REMOTE_ADDR"], told["SERVER_NAME"]) == ("127.0.0.1", "127.0.0.1")
    assert told["SERVER_PORT"] == server.urls[0].rpartition(":")[2]
    assert (told["wsgi.url_scheme"], told["SERVER_PROTOCOL"]) == ("http", "HTTP/1.1")


def test_a_forwarded_scheme_is_believed_of_a_trusted_proxy(server: Running) -> None:
    assert json.loads(server.get("/echo", ("X-Forwarded-Proto", "https")).body)["wsgi.url_scheme"] == "https"


def test_the_authority_of_an_absolute_target_replaces_host(server: Running) -> None:
    told = json.loads(server.get("http://example.com/echo?x", ("Host", "forged")).body)
    assert (told["HTTP_HOST"], told["PATH_INFO"], told["QUERY_STRING"]) == ("example.com", "/echo", "x")


def test_upgrade_is_ignored_safely(server: Running) -> None:
    wire = server.connect()
    reply = wire.ask("GET", "/echo", [("Connection", "Upgrade"), ("Upgrade", "websocket")])
    assert reply.status == 200
    assert wire.ask("GET", "/echo").status == 200


def test_on_a_unix_socket_the_client_has_no_address_and_is_trusted_as_a_proxy(
    tmp_path: Path, workers: list[str]
) -> None:
    directory = write_app(tmp_path, ECHO)
    with serve("app", *workers, cwd=directory, bind=f"unix:{tmp_path}/app.sock") as server:
        told = json.loads(server.get("/", ("X-Forwarded-Proto", "https")).body)
    assert (told["REMOTE_ADDR"], told["wsgi.url_scheme"]) == ("", "https")
