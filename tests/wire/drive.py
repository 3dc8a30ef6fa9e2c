"""Feed octets to a Connection in the pieces that a test chooses, answer what comes out, and say what happened."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from tests.wire.corpus import Message, Request
from tonnage.errors import RemoteProtocolError
from tonnage.http.connection import Connection
from tonnage.http.fields import Field
from tonnage.http.head import RequestHead
from tonnage.http.limits import Limits, Policy
from tonnage.http.state import END

DATE = b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"


@dataclasses.dataclass(slots=True)
class Outcome:
    requests: list[Request] = dataclasses.field(default_factory=list)
    refused: int | None = None
    end: str = "open"


def connect(message: Message) -> Connection:
    policy = {key: frozenset(value) if isinstance(value, list) else value for key, value in message.policy.items()}
    limits = dataclasses.replace(Limits(), **message.limits)
    return Connection(limits, dataclasses.replace(Policy(), **policy), trusted=message.trusted)  # type: ignore[arg-type]


def drive(connection: Connection, pieces: Iterable[bytes], *, eof: bool = False) -> Outcome:
    """Everything is answered by a small 200, at once; a 100 that is owed is left owing."""
    outcome = Outcome()
    head: RequestHead | None = None
    content: list[bytes] = []
    try:
        for piece in [*pieces, *([b""] if eof else [])]:
            connection.receive(piece)
            while (event := connection.next()) is not None:
                if isinstance(event, RequestHead):
                    head, content = event, []
                elif event is not END:
                    assert isinstance(event, bytes)
                    assert event, "an empty piece of content"
                    content.append(event)
                if head is not None and (event is END or not head.has_body):
                    outcome.requests.append(describe(head, b"".join(content), connection.trailers))
                    connection.respond_whole("200 OK", [], b"ok", close=False, date=DATE)
                    head = None
    except RemoteProtocolError as error:
        outcome.refused = error.status
    if outcome.refused is None:
        outcome.end = where(connection)
    return outcome


def where(connection: Connection) -> str:
    if connection.wants_continue():
        return "continue"
    if not connection.keep_alive:
        return "closed"
    return "open" if connection.idle else "partial"


def describe(head: RequestHead, content: bytes, trailers: Iterable[Field]) -> Request:
    return Request(
        method=head.method,
        target=head.target.decode("latin-1"),
        path=head.path.decode("latin-1"),
        query=head.query.decode("latin-1"),
        minor=head.minor,
        fields=tuple(map(line, head.fields)),
        content=content,
        trailers=tuple(map(line, trailers)),
    )


def line(item: Field) -> str:
    return f"{item.name.decode()}: {item.text}"


def agrees(seen: Request, wanted: Request) -> bool:
    """`wanted` may leave out what it does not care about."""
    return (
        (seen.method, seen.target, seen.minor, seen.content, seen.trailers)
        == (wanted.method, wanted.target, wanted.minor, wanted.content, wanted.trailers)
        and wanted.path in (None, seen.path)
        and wanted.query in (None, seen.query)
        and wanted.fields in (None, seen.fields)
    )


def one_by_one(octets: bytes) -> Iterator[bytes]:
    return (octets[at : at + 1] for at in range(len(octets)))
