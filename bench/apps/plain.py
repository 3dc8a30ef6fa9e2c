"""The applications that cost nothing, so that what is measured is the server."""

import time
from collections.abc import Callable, Iterable

type_text = ("Content-Type", "text/plain")
Environ = dict[str, object]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

HELLO = b"Hello, world!"
TEN_KB = b"0123456789abcdef" * 640


def hello(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [type_text, ("Content-Length", "13")])
    return [HELLO]


def ten_kb(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [type_text, ("Content-Length", "10240")])
    return [TEN_KB]


def post(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Read the whole content and say how long it was."""
    content = environ["wsgi.input"].read(int(str(environ["CONTENT_LENGTH"])))  # type: ignore[attr-defined]
    answer = str(len(content)).encode()
    start_response("200 OK", [type_text, ("Content-Length", str(len(answer)))])
    return [answer]


def mixed(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Hello, but /slow waits half a second before it says so."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.5)
    return hello(environ, start_response)
