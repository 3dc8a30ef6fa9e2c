"""Whatever an application says, h11 reads one response, and it is the application's; or nothing was sent."""

from dataclasses import dataclass

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.drive import DATE
from tonnage.errors import LocalProtocolError
from tonnage.http.connection import Connection
from tonnage.http.limits import Limits, Policy

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    fields: Fields
    content: bytes


@dataclass(frozen=True, slots=True)
class Case:
    method: str
    minor: int
    keep: bool
    status: str
    fields: Fields
    pieces: list[bytes]
    length_is_known: bool

    @property
    def request(self) -> bytes:
        wish = "keep-alive" if self.keep else "close"
        return f"{self.method} / HTTP/1.{self.minor}\r\nHost: a\r\nConnection: {wish}\r\n\r\n".encode()


statuses = st.sampled_from(
    ["200 OK", "201 ", "404 Not Found", "500 x y", "204 No Content", "304 Not Modified", "205 R"]
)
names = st.sampled_from(
    ["X-A", "x-b", "Set-Cookie", "ETag", "Vary", "Connection", "Transfer-Encoding", "Upgrade", "Te"]
)
values = st.text(st.characters(max_codepoint=255), max_size=12) | st.sampled_from(
    ["a", "close", "chunked", "a\r\nX-Evil: b"]
)
cases = st.builds(
    Case,
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    minor=st.sampled_from([0, 1]),
    keep=st.booleans(),
    status=statuses,
    fields=st.lists(st.tuples(names, values), max_size=4),
    pieces=st.lists(st.binary(max_size=30), max_size=4),
    length_is_known=st.booleans(),
)


def respond(connection: Connection, case: Case, *, whole: bool) -> bytes:
    content = b"".join(case.pieces)
    if whole:
        return connection.respond_whole(case.status, case.fields, content, close=False, date=DATE)
    length = len(content) if case.length_is_known else None
    octets = connection.respond(case.status, case.fields, length=length, date=DATE)
    return octets + b"".join(map(connection.data, case.pieces)) + connection.finish()


def read(case: Case, octets: bytes, *, at_end: bool) -> tuple[Reply, bytes]:
    """The response as h11 reads it, and what follows it."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=case.method, target="/", headers=[("Host", "a")], http_version=b"1.1"))
    client.send(h11.EndOfMessage())
    client.receive_data(octets)
    if at_end:
        client.receive_data(b"")
    head = client.next_event()
    assert isinstance(head, h11.Response)
    content = b""
    while isinstance(event := client.next_event(), h11.Data):
        content += event.data
    assert isinstance(event, h11.EndOfMessage)
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()]
    return Reply(head.status_code, fields, content), client.trailing_data[0]


@settings(max_examples=600)
@given(cases, st.booleans())
def test_one_response_goes_out_and_it_is_the_applications(case: Case, whole: bool) -> None:
    connection = Connection(Limits(), Policy())
    connection.receive(case.request)
    connection.next()
    try:
        octets = respond(connection, case, whole=whole)
    except LocalProtocolError:
        assert any(not value.isprintable() for _, value in case.fields)
        assert connection.refuse(500).startswith(b"HTTP/1.1 500 ")
        return
    reply, rest = read(case, octets, at_end=not connection.keep_alive)
    empty = case.method == "HEAD" or case.status[:3] in {"204", "205", "304"}
    assert reply.status == int(case.status[:3])
    assert reply.content == (b"" if empty else b"".join(case.pieces))
    assert rest == b""
    ours = ("content-length", "transfer-encoding", "connection", "server", "date")
    theirs = ("connection", "transfer-encoding", "upgrade", "te")
    assert [(name, value) for name, value in reply.fields if name.lower() not in ours] == [
        (name, value.strip(" \t")) for name, value in case.fields if name.lower() not in theirs
    ]
    announced = [value for name, value in reply.fields if name.lower() == "connection"]
    assert connection.keep_alive == (announced != ["close"])
    assert not connection.keep_alive or announced == ([] if case.minor else ["keep-alive"])
