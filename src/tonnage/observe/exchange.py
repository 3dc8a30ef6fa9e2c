"""One request and its response, as a log line or a metric needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tonnage.http.head import RequestHead


class Exchange:
    """Made by a worker when the response is finished, or when a request is refused."""

    __slots__ = ("duration_s", "environ", "fields", "head", "line", "peer", "sent", "started", "status")

    def __init__(
        self,
        head: RequestHead | None,
        line: bytes,
        environ: Mapping[str, object] | None,
        status: str,
        fields: Sequence[tuple[str, str]],
        sent: int,
        started: float,
        duration_s: float,
        peer: str,
    ) -> None:
        self.head = head  # None when the request could not be parsed
        self.line = line  # the request line as received, b"" when none was
        self.environ = environ  # None in ASGI, and when no application was called
        self.status = status  # "200 OK"; "" when no response was begun
        self.fields = fields  # of the response, as the application gave them
        self.sent = sent  # octets of content
        self.started = started  # Unix time
        self.duration_s = duration_s
        self.peer = peer  # address of the client, "" on a Unix socket
