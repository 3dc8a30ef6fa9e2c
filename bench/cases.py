"""What is asked of every server, and in which figures the answer is given."""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto

# What Chromium 130 sends for a page that is typed into its address bar; Host and Connection complete the dozen.
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
    "Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9,de;q=0.8",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-User": "?1",
}
COOKIE = {"Cookie": "sessionid=k2j3h4k2j3h4k23jh4k23jh4k2qz81xw; csrftoken=w3PzQ0ZKbU6mH0cVnGJvB7yq5tXe9LrD"}


@dataclass(frozen=True, slots=True)
class Metric:
    key: str
    heading: str
    digits: int


CPU = Metric("cpu_s_per_1000", "CPU s per 1,000 requests", 4)
RATE = Metric("requests_per_s", "requests/s", 0)
P50 = Metric("p50_ms", "p50 ms", 2)
P99 = Metric("p99_ms", "p99 ms", 2)
CPU_PER_MESSAGE = Metric("cpu_s_per_1000", "CPU s per 1,000 messages", 4)
MESSAGE_RATE = Metric("requests_per_s", "messages/s", 0)
WORST = Metric("worst_ms", "worst ms", 1)
PER_CONNECTION = Metric("kib_per_connection", "KiB per idle connection", 2)
PER_SOCKET = Metric("kib_per_connection", "KiB per idle WebSocket", 2)
PSS_1 = Metric("pss_1_mib", "MiB, 1 worker", 1)
PSS_4 = Metric("pss_4_mib", "MiB, 4 workers", 1)


class Interface(StrEnum):
    WSGI = "wsgi"
    ASGI = "asgi"


class Kind(Enum):
    THROUGHPUT = auto()
    MIXED = auto()
    IDLE = auto()
    MEMORY = auto()
    MESSAGES = auto()
    IDLE_SOCKETS = auto()


METRICS = {  # the first is the one that ratios are made of
    Kind.THROUGHPUT: (CPU, RATE, P50, P99),
    Kind.MIXED: (P99, P50, WORST),
    Kind.IDLE: (PER_CONNECTION, CPU, RATE, P99),
    Kind.MEMORY: (PSS_1, PSS_4),
    Kind.MESSAGES: (CPU_PER_MESSAGE, MESSAGE_RATE, P50, P99),
    Kind.IDLE_SOCKETS: (PER_SOCKET, CPU_PER_MESSAGE, MESSAGE_RATE, P99),
}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    title: str
    about: str
    app: str = "plain:hello"
    path: str = "/"
    content: int = 0  # octets of a POST; 0 is a GET
    cookies: bool = False  # a cookie that was never sent before in each request
    close: bool = False  # a connection for each request
    workers: int = 1
    kind: Kind = Kind.THROUGHPUT
    interface: Interface = Interface.WSGI

    @property
    def is_websocket(self) -> bool:
        return self.kind in {Kind.MESSAGES, Kind.IDLE_SOCKETS}

    @property
    def fields(self) -> dict[str, str]:
        """All fields of its requests but Host, Content-Length and the changing cookie."""
        own = {} if self.cookies else COOKIE
        return BROWSER | own | {"Connection": "close" if self.close else "keep-alive"}


SITE = "mysite.wsgi:application"
WSGI = (
    Case(
        "hello",
        "Hello, keep-alive",
        "13 octets for a GET with 12 fields, as a browser sends them, on 16 kept connections.",
    ),
    Case(
        "cookies",
        "Hello, changing cookies",
        "The same, but no cookie is ever seen twice, so that no server gains from lines it has parsed before.",
        cookies=True,
    ),
    Case("close", "Hello, no keep-alive", "The same with a new connection for each request.", close=True),
    Case("ten-kb", "10 KB of content", "10,240 octets from one bytes object.", app="plain:ten_kb"),
    Case("post", "POST of 4 KB", "4,096 octets, which the application reads.", app="plain:post", content=4096),
    Case(
        "django-hello",
        "Django: hello",
        "A view of one line behind Django's usual middleware.",
        app=SITE,
        path="/hello/",
    ),
    Case(
        "django-orm",
        "Django: ORM",
        "A page of a list: three queries to SQLite, and a template.",
        app=SITE,
        path="/ships/",
    ),
    Case("django-template", "Django: template", "A page without a query.", app=SITE, path="/about/"),
    Case(
        "mixed",
        "Slow among fast",
        "2 workers. One client sends requests that take 500 ms, one after the other; 16 others send hello on kept "
        "connections, 400 a second together, at random times fixed beforehand. What is measured are the latencies of "
        "hello, from the time each request was due, so a server that stops answering cannot hide it.",
        app="plain:mixed",
        workers=2,
        kind=Kind.MIXED,
    ),
    Case(
        "idle",
        "Idle connections",
        "5,000 clients that have had one answer and keep their connection; what each adds to the memory of the process "
        "tree (PSS; the kernel's own socket memory is not in it), and hello on 16 other connections meanwhile.",
        kind=Kind.IDLE,
    ),
    Case(
        "memory",
        "Memory",
        "PSS of the process tree with the Django site, after every worker has served pages.",
        app=SITE,
        path="/ships/",
        kind=Kind.MEMORY,
    ),
)

_ASGI = (
    Case("asgi-hello", "ASGI: hello, keep-alive", "The same 13 octets from an ASGI application.", "plain_asgi:hello"),
    Case("asgi-ten-kb", "ASGI: 10 KB of content", "10,240 octets in one event.", "plain_asgi:ten_kb"),
    Case("asgi-post", "ASGI: POST of 4 KB", "4,096 octets, which it reads.", "plain_asgi:post", content=4096),
    Case(
        "fastapi-json",
        "FastAPI: JSON",
        "One parameter, checked; one Pydantic model, as JSON.",
        "fastapi_json:app",
        path="/ships/7",
    ),
    Case("asgi-stream", "ASGI: streaming", "32 events of 1 KiB, without a length: 32 chunks.", "plain_asgi:stream"),
    Case(
        "websocket-echo",
        "WebSocket: echo",
        "Text messages of 64 octets on 16 WebSockets, each the next when the last came back; no compression.",
        "plain_asgi:echo",
        kind=Kind.MESSAGES,
    ),
    Case(
        "websocket-idle",
        "WebSocket: idle",
        "5,000 WebSockets that have had one echo and are silent since, pings switched off; what each adds to the "
        "memory of the process tree, and the echo on 16 others meanwhile.",
        "plain_asgi:echo",
        kind=Kind.IDLE_SOCKETS,
    ),
)
ASGI = tuple(replace(case, interface=Interface.ASGI) for case in _ASGI)
CASES = (*WSGI, *ASGI)
