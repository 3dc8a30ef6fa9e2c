"""Small applications, written into a test's directory as a user would have them there; and gates to hold them at."""

import os
import select
from pathlib import Path

from prove.applications import put

# Tells what it was asked; the last line is the reason for most of it: PEP 3333 says what must be in there.
ECHO = """
import hashlib, json

def application(environ, start_response):
    body = environ["wsgi.input"].read()
    told = {name: value for name, value in environ.items() if isinstance(value, str)}
    told |= {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]
"""

# The same for ASGI, by the same names.
ASGI_ECHO = """
import hashlib, json

async def application(scope, receive, send):
    body, more = b"", True
    while more:
        event = await receive()
        assert event["type"] == "http.request"
        body += event["body"]
        more = event["more_body"]
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    told = {
        "REQUEST_METHOD": scope["method"], "RAW_URI": target.decode(), "QUERY_STRING": scope["query_string"].decode(),
        "SERVER_PROTOCOL": "HTTP/" + scope["http_version"], "scheme": scope["scheme"],
        "length": len(body), "sha256": hashlib.sha256(body).hexdigest(),
    }
    for name, value in scope["headers"]:
        told["HTTP_" + name.decode().upper().replace("-", "_")] = value.decode("latin-1")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})
"""

ASGI_HELLO = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello\\n"})
"""

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\\n"]
"""

PID = """
import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""

# `pass_gate(name)` in an application does not return before the test has opened that gate.
GATES = """
def pass_gate(name):
    open(name + ".reached", "wb").close()
    open(name + ".opened", "rb").close()
"""

# /held waits at the gate "held"; everything else is answered at once.
HELD = """
from gates import pass_gate

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/held":
        pass_gate("held")
        return [b"held until now\\n"]
    return [b"at once\\n"]
"""


def write_app(directory: Path, source: str) -> Path:
    """The directory to serve `app` from."""
    put(directory / "app.py", source)
    put(directory / "gates.py", GATES)
    return directory


class Gate:
    """A point in an application at which it waits for the test; the open of a FIFO waits for the other side."""

    def __init__(self, directory: Path, name: str) -> None:
        self._reached, self._opened = directory / f"{name}.reached", directory / f"{name}.opened"
        os.mkfifo(self._reached)
        os.mkfifo(self._opened)

    def wait_until_reached(self) -> None:
        self._reached.open("rb").close()

    def open(self) -> None:
        self._opened.open("wb").close()


class Note:
    """A file that an application writes once, without having to wait for anybody; to read it is to wait for that."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self) -> str:
        select.select([self._file], [], [])
        with os.fdopen(self._file) as file:
            return file.read()
