"""A visit to a site as data: the same steps go to Django's own test client and over the wire, to the same answers."""

import contextlib
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie

from tests.live.wire import Reply, Wire

CSRF = b"{csrf}"  # in a body: the token of the last form that was shown
BOUNDARY = "----what-the-browser-chose"


STARTED = datetime.now(tz=UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Step:
    method: str
    path: str
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __str__(self) -> str:
        notes = [f"{name}={value}" for name, value in self.fields.items() if name != "Content-Type"]
        return " ".join([self.method, self.path, *notes])


def get(path: str, **fields: str) -> Step:
    return Step("GET", path, _names(fields))


def head(path: str, **fields: str) -> Step:
    return Step("HEAD", path, _names(fields))


def post(path: str, **values: str) -> Step:
    """A form as a browser sends it, with its CSRF token."""
    pairs = b"&".join(f"{name}={value}".encode() for name, value in values.items())
    return Step(
        "POST",
        path,
        {"Content-Type": "application/x-www-form-urlencoded"},
        b"csrfmiddlewaretoken=" + CSRF + b"&" + pairs,
    )


def upload(path: str, name: str, file: tuple[str, str, bytes], **values: str) -> Step:
    filename, media_type, content = file
    parts = [_part(key, value.encode()) for key, value in values.items()]
    parts += [_part("csrfmiddlewaretoken", CSRF)]
    parts += [_part(f'{name}"; filename="{filename}', content, f"Content-Type: {media_type}\r\n")]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return Step("POST", path, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, body)


def _part(name: str, content: bytes, extra: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n{extra}\r\n'
    return head.encode() + content + b"\r\n"


def _names(fields: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in fields.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared: everything but what differs between two honest answers (see `comparable`)."""

    status: str
    fields: list[tuple[str, str]]
    body: bytes

    def lines(self) -> list[str]:
        head = [self.status, *(f"{name}: {value}" for name, value in self.fields), ""]
        return head + self.body.decode("latin-1").splitlines()


def difference(got: Answer, wanted: Answer) -> str:
    """Empty when the two are the same, octet for octet; a true Content-Length may be added where Django gave none."""
    lengths = [field for field in got.fields if field[0] == "content-length"]
    if not any(name == "content-length" for name, _ in wanted.fields) and lengths:
        assert not got.body or int(lengths[0][1]) == len(got.body)
        got = replace(got, fields=[field for field in got.fields if field not in lengths])
    if got == wanted:
        return ""
    return "\n".join(difflib.unified_diff(wanted.lines(), got.lines(), "wanted", "got", n=1, lineterm=""))[:5000] or "?"


TOKEN = re.compile(rb"(csrf[^<>]{0,60}?)\b[A-Za-z0-9]{64}\b", re.IGNORECASE)
SHOWN = re.compile(rb'name="csrfmiddlewaretoken" value="([A-Za-z0-9]+)"')


HOP = {"date", "server", "connection", "keep-alive", "transfer-encoding"}


def comparable(status: str, fields: list[tuple[str, str]], body: bytes) -> Answer:
    """Taken out, because two honest answers differ in it:

    - CSRF tokens in the body (Django masks them anew for every page), and then the ETag, which is a hash of the body
    - the value and the date of a cookie; Expires, where Django says "now"
    - Last-Modified, where it is the moment in which the visit uploaded the file
    - the fields of the hop: the server's business, and tested as such elsewhere
    """
    text = TOKEN.sub(rb"\1token", body)
    varies = {"expires", *(["etag"] if text != body else [])}
    lower = [(name.lower(), value) for name, value in fields]
    kept = [(name, VARIES if name in varies else _steady(name, value)) for name, value in lower if name not in HOP]
    return Answer(status, sorted(kept), text)


VARIES = "(varies)"


def _steady(name: str, value: str) -> str:
    if name == "set-cookie":
        return re.sub(r"^([^=]+)=[^;]*", r"\1=...", re.sub(r"expires=[^;]*", "expires=...", value))
    if name == "last-modified" and parsedate_to_datetime(value) > STARTED:
        return VARIES
    return value


class Visitor:
    """A browser reduced to its memory: cookies, the last form's token, and a connection while the server keeps it."""

    def __init__(self, connect: Callable[[], Wire]) -> None:
        self._connect = connect
        self._wire: Wire | None = None
        self.cookies: dict[str, str] = {}
        self.token = b""

    def take(self, step: Step) -> Answer:
        fields = list(step.fields.items())
        if self.cookies:
            fields.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        self._wire = self._wire or self._connect()
        reply = self._wire.ask(step.method, step.path, fields, step.body.replace(CSRF, self.token))
        if "close" in reply.values("Connection"):
            self.close()
        self._remember(reply)
        return comparable(f"{reply.status} {reply.reason}", reply.fields, reply.body)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _remember(self, reply: Reply) -> None:
        for line in reply.values("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        if shown := SHOWN.search(reply.body):
            self.token = shown[1]


def visit(connect: Callable[[], Wire], steps: Sequence[Step]) -> list[Answer]:
    with contextlib.closing(Visitor(connect)) as visitor:
        return [visitor.take(step) for step in steps]
