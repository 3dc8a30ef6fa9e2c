"""Exchanges to log: what a worker would have seen, with anything in them changed by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tonnage.http.head import RequestHead, parse
from tonnage.http.limits import Limits, Policy
from tonnage.observe.exchange import Exchange

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
LINE = b"GET /articles/caf%C3%A9?page=2&q=a%20b HTTP/1.1"
FIELDS = {"Host": "example.org", "User-Agent": AGENT, "Referer": "https://example.org/", "X-Request-Id": "7f3a"}


def head_of(line: bytes = LINE, fields: Mapping[str, str] | None = None) -> RequestHead:
    lines = [f"{name}: {value}".encode("latin-1") for name, value in (FIELDS if fields is None else fields).items()]
    return parse(b"\r\n".join([line, *lines]), Limits(), Policy())


def environ_of(head: RequestHead, peer: str = "127.0.0.1") -> dict[str, object]:
    """A WSGI environ, as far as a log looks at it."""
    path = head.path.decode("latin-1").replace("%C3%A9", "\xc3\xa9")
    return {
        "REQUEST_METHOD": head.method,
        "RAW_URI": head.target.decode("latin-1"),
        "PATH_INFO": path,
        "QUERY_STRING": head.query.decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/1.{head.minor}",
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        **{field.cgi: field.text for field in head.fields},
    }


def exchange(
    *,
    head: RequestHead | None = None,
    wsgi: bool = True,
    environ: Mapping[str, object] | None = None,
    status: str = "200 OK",
    fields: Sequence[tuple[str, str]] = (("Content-Type", "text/html"), ("X-Cache", "hit")),
    sent: int = 1234,
    started: float = 1_700_000_000.25,
    duration_s: float = 0.012345,
    peer: str = "127.0.0.1",
) -> Exchange:
    """`environ` adds to what the request says; `wsgi=False` is an ASGI request, that has none."""
    head = head or head_of()
    variables = {**environ_of(head, peer), **(environ or {})} if wsgi else None
    return Exchange(head, head.line, variables, status, fields, sent, started, duration_s, peer)


def refused(line: bytes = b"", status: str = "400 Bad Request") -> Exchange:
    """A request of which no head could be made."""
    return Exchange(None, line, None, status, (), 0, 1_700_000_000.25, 0.001, "192.0.2.7")
