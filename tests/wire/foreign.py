"""Two other parsers as oracles: h11 (pure Python, by the RFC) and llhttp through httptools (as in Node and uvicorn)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import h11
import httptools

Seen = tuple[str, str, bytes]  # method, target, content


@dataclass(slots=True)
class Verdict:
    requests: list[Seen] = field(default_factory=list)
    refused: bool = False


Oracle = Callable[[list[bytes]], Verdict]


def ask_h11(pieces: list[bytes]) -> Verdict:
    verdict = Verdict()
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    request: h11.Request | None = None
    content = b""
    try:
        for piece in pieces:
            connection.receive_data(piece)
            while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Request):
                    request, content = event, b""
                elif isinstance(event, h11.Data):
                    content += event.data
                elif isinstance(event, h11.EndOfMessage):
                    assert request is not None
                    verdict.requests.append((request.method.decode(), request.target.decode(), content))
                    if not answer_h11(connection, 405 if request.method == b"CONNECT" else 200):
                        return verdict
                else:
                    return verdict
    except h11.RemoteProtocolError:
        verdict.refused = True
    return verdict


def answer_h11(connection: h11.Connection, status: int) -> bool:
    """Whether another request may follow."""
    connection.send(h11.Response(status_code=status, headers=[("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
        return False
    connection.start_next_cycle()
    return True


class Listener:
    """httptools' callbacks."""

    def __init__(self) -> None:
        self.verdict = Verdict()
        self.parser: httptools.HttpRequestParser = httptools.HttpRequestParser(self)
        self.target = b""
        self.content = b""
        self.closed = False

    def on_message_begin(self) -> None:
        self.target = self.content = b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_body(self, body: bytes) -> None:
        self.content += body

    def on_message_complete(self) -> None:
        if not self.closed:
            self.verdict.requests.append(
                (self.parser.get_method().decode(), self.target.decode("latin-1"), self.content)
            )
        self.closed = self.closed or not self.parser.should_keep_alive()


def ask_httptools(pieces: list[bytes]) -> Verdict:
    listener = Listener()
    try:
        for piece in pieces:
            listener.parser.feed_data(piece)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        listener.verdict.refused = not listener.closed
    return listener.verdict


ORACLES: dict[str, Oracle] = {"h11": ask_h11, "httptools": ask_httptools}
