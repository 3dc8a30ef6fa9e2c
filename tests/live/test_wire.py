"""The corpus of tests/wire against live workers of every class: whole, and an octet at a time.

The parser alone is tested there; here it is the loop around it that must not add, lose or reorder anything.
"""

import hashlib
import json
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import pytest

from tests.live.apps import ASGI_ECHO, ECHO, write_app
from tests.live.conftest import ASGI, WORKERS
from tests.live.server import Running, serve
from tests.live.wire import Wire
from tests.wire.corpus import Message, Request, load
from tests.wire.drive import one_by_one

# What a message of the corpus may ask for, and the setting that gives it. The other limits have no setting.
SETTINGS = {
    "request_line": "limit_request_line",
    "fields": "limit_request_fields",
    "field_size": "limit_request_field_size",
    "body": "limit_request_body",
    "header_map": "header_map",
    "forwarder_fields": "forwarder_headers",
    "permit_unconventional_method": "permit_unconventional_http_method",
    "permit_unconventional_version": "permit_unconventional_http_version",
    "permit_obsolete_folding": "permit_obsolete_folding",
    "casefold_method": "casefold_http_method",
    "strip_field_spaces": "strip_header_spaces",
}
MESSAGES = [message for message in load() if {*message.limits, *message.policy} <= SETTINGS.keys()]

ACCEPTED = {"persistence/upgrade-websocket"}

Server = Callable[[Message], Running]


@pytest.fixture(scope="module", params=[*WORKERS, *ASGI])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the settings that a message needs; one for all messages that need the same."""
    with ExitStack() as stack:
        running: dict[str, Running] = {}

        def for_message(message: Message) -> Running:
            if request.param in ASGI and message.name in ACCEPTED:
                pytest.skip("this worker takes it for a WebSocket: see test_websockets.py")
            settings = configuration(message)
            if settings not in running:
                source = ASGI_ECHO if request.param in ASGI else ECHO
                directory = write_app(tmp_path_factory.mktemp("wire"), source)
                (directory / "gunicorn.conf.py").write_text(settings)
                running[settings] = stack.enter_context(serve("app", *(WORKERS | ASGI)[request.param], cwd=directory))
            return running[settings]

        yield for_message


def configuration(message: Message) -> str:
    wanted = {SETTINGS[name]: value for name, value in {**message.limits, **message.policy}.items()}
    wanted["forwarded_allow_ips"] = "127.0.0.1" if message.trusted else "192.0.2.1"
    wanted.setdefault("limit_request_body", 0)
    return "".join(f"{name} = {value!r}\n" for name, value in wanted.items())


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_a_message_is_understood_as_the_corpus_says(server: Server, message: Message) -> None:
    with server(message).connect() as wire:
        converse(wire, message, [message.octets])


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_a_message_that_arrives_octet_by_octet_is_understood_the_same(server: Server, message: Message) -> None:
    with server(message).connect() as wire:
        converse(wire, message, one_by_one(message.octets))


def converse(wire: Wire, message: Message, pieces: Iterable[bytes]) -> None:
    wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for piece in pieces:
            wire.send(piece)
        if message.eof:
            wire.sock.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):  # it had heard enough; what it answered is still to be read
        assert message.refused or message.end == "closed"
    for wanted in message.requests:
        reply = wire.reply(wanted.method)
        assert reply.status == 200
        if wanted.method != "HEAD":
            assert understood(wanted, json.loads(reply.body)) == []
    if message.refused:
        assert wire.reply().status == message.refused
        assert wire.at_end()
    elif message.end == "closed":
        assert wire.at_end()
    elif message.end == "continue":
        assert wire.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    elif message.end == "open" and not message.eof:
        assert json.loads(wire.ask("GET", "/afterwards").body)["RAW_URI"] == "/afterwards"


def understood(wanted: Request, told: dict[str, str | int]) -> list[str]:
    """What differs. Trailers are looked for in the environ, where they must not be."""
    differs = []
    target = wanted.target
    if "scheme" in told:  # ASGI has no word for the other forms, nor for a query that is empty
        target = target.removesuffix("?") if target.startswith("/") else str(told["RAW_URI"])
    asked = (wanted.method, target, f"HTTP/1.{wanted.minor}", len(wanted.content))
    if asked != (seen := (told["REQUEST_METHOD"], told["RAW_URI"], told["SERVER_PROTOCOL"], told["length"])):
        differs.append(f"{seen} is not {asked}")
    if told["sha256"] != hashlib.sha256(wanted.content).hexdigest():
        differs.append("the content is another")
    if wanted.query is not None and told["QUERY_STRING"] != wanted.query:
        differs.append(f"{told['QUERY_STRING']!r} is not the query {wanted.query!r}")
    names = {line.partition(":")[0].upper().replace("-", "_") for line in wanted.trailers}
    return differs + [f"trailer {name}" for name in names if f"HTTP_{name}" in told]
