"""A client that says exactly the octets it is told to, and reads answers with h11: a foreign and a strict judge."""

import contextlib
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import h11

Address = tuple[str, int] | str


def parse_address(url: str) -> Address:
    """`http://127.0.0.1:40213` or `unix:/run/app.sock`, as the server tells them."""
    if url.startswith("unix:"):
        return url.removeprefix("unix:")
    host, _, port = url.removeprefix("http://").removeprefix("https://").rpartition(":")
    return host, int(port)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    reason: str
    fields: list[tuple[str, str]]  # names as sent
    body: bytes
    version: str
    interim: list[int]  # the 1xx that came before

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        (value,) = self.values(name)
        return value

    @property
    def text(self) -> str:
        return self.body.decode()


def request(method: str, path: str, fields: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """Host and Content-Length are added where the fields do not say them."""
    fields = list(fields)
    names = {name.lower() for name, _ in fields}
    if "host" not in names:
        fields.insert(0, ("Host", "testserver"))
    if body and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


class Wire:
    def __init__(self, address: Address, timeout_s: float) -> None:
        self.sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.sock.settimeout(timeout_s)
        try:
            self.sock.connect(address)
        except OSError:
            self.sock.close()
            raise
        self._left = b""  # received and not yet asked for

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def receive(self) -> bytes:
        """What has come, at least an octet of it; b"" at the end."""
        taken, self._left = self._left or self.sock.recv(65536), b""
        return taken

    def ask(self, method: str, path: str, fields: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Reply:
        self.send(request(method, path, fields, body))
        return self.reply(method)

    def until(self, mark: bytes) -> bytes:
        """Everything up to the mark, and the mark."""
        while mark not in self._left:
            data = self.sock.recv(65536)
            assert data, f"the connection ended before {mark!r}, after {self._left[:500]!r}"
            self._left += data
        end = self._left.index(mark) + len(mark)
        taken, self._left = self._left[:end], self._left[end:]
        return taken

    def rest(self) -> bytes:
        """Everything to the end of the connection. A reset is an end too: the peer had what it refused to read."""
        pieces = [self._left]
        with contextlib.suppress(ConnectionResetError):
            while data := self.sock.recv(65536):
                pieces.append(data)
        self._left = b""
        return b"".join(pieces)

    def at_end(self) -> bool:
        return not self._left and self.rest() == b""

    def reply(self, method: str = "GET") -> Reply:
        """The next answer, as h11 understands it; what follows it is kept for the next call."""
        judge = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        asked = "GET" if method == "CONNECT" else method  # for h11 HTTP would be over after an answer to CONNECT
        judge.send(h11.Request(method=asked, target="/", headers=[("Host", "judge")]))
        judge.send(h11.EndOfMessage())
        interim: list[int] = []
        body = bytearray()
        head: h11.Response | None = None
        data = self._left or self.sock.recv(65536)
        while True:
            judge.receive_data(data)
            while (event := judge.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                assert not isinstance(event, h11.ConnectionClosed), "the connection ended without an answer"
                if isinstance(event, h11.InformationalResponse):
                    interim.append(event.status_code)
                elif isinstance(event, h11.Response):
                    head = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    assert head is not None
                    self._left = judge.trailing_data[0]
                    return _reply(head, bytes(body), interim)
            data = self.sock.recv(65536)


def _reply(head: h11.Response, body: bytes, interim: list[int]) -> Reply:
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()]
    return Reply(head.status_code, head.reason.decode("latin-1"), fields, body, head.http_version.decode(), interim)
