"""The right answer to a request: what the application gives when Python calls it, without any server.

Run by itself, so that no application is imported into the process that measures:
`python -m bench.reference APP PATH OCTETS`.
"""

import importlib
import io
import sys
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import setup_testing_defaults

from .cases import BROWSER


def answer(app: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]], target: str, content: int) -> bytes:
    path, _, query = target.partition("?")
    environ: WSGIEnvironment = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "127.0.0.1"}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in BROWSER.items()}
    if content:
        environ |= {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(content), "wsgi.input": io.BytesIO(b"x" * content)}
    setup_testing_defaults(environ)
    return b"".join(app(environ, lambda *_: lambda _: None))


if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    application = getattr(importlib.import_module(module), name)
    sys.stdout.buffer.write(answer(application, sys.argv[2], int(sys.argv[3])))
