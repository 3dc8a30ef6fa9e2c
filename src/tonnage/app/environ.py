"""RequestHead -> the environ of WSGI (PEP 3333) and CGI (RFC 3875).

What does not change from request to request is made once a listener (`template`) and copied; a request adds its own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol
from urllib.parse import unquote_to_bytes

from tonnage.app.wsgi import Environ, FileWrapper
from tonnage.errors import RemoteProtocolError
from tonnage.http.head import RequestHead

ROOM = 5
PROTOCOLS = ("HTTP/1.0", "HTTP/1.1")


class Errors(Protocol):
    def write(self, text: str, /) -> object: ...
    def flush(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """What every request of one listener has in common."""

    server_name: str  # "" on a Unix socket: then the request's Host says it
    server_port: str
    multithread: bool
    multiprocess: bool
    software: str
    script_name: str = ""
    scheme: str = "http"
    https_markers: Mapping[str, str] = field(default_factory=dict)  # environ key -> the value that means https
    script_name_field: bool = False  # a trusted proxy may send SCRIPT_NAME
    errors: Errors = sys.stderr

    def template(self) -> Environ:
        """What `fill` completes. A key that every request sets is here already: replacing is cheaper than adding.

        The dictionary has once been so full that CPython gave it room for 42 keys, and its copies have the same room:
        a browser's request does not make them grow.
        """
        environ = self._constants()
        environ.update((f"room for {number}", None) for number in range(ROOM))
        for number in range(ROOM):
            del environ[f"room for {number}"]
        return environ

    def _constants(self) -> Environ:
        return {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.scheme,
            "wsgi.errors": self.errors,
            "wsgi.multithread": self.multithread,
            "wsgi.multiprocess": self.multiprocess,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.file_wrapper": FileWrapper,
            "SERVER_SOFTWARE": self.software,
            "SERVER_NAME": self.server_name,
            "SERVER_PORT": self.server_port,
            "SCRIPT_NAME": self.script_name,
            "REMOTE_ADDR": "",
            "REQUEST_METHOD": "",
            "SERVER_PROTOCOL": "",
            "RAW_URI": "",
            "PATH_INFO": "",
            "QUERY_STRING": "",
            "wsgi.input": None,
            "wsgi.early_hints": None,
        }


def fill(environ: Environ, head: RequestHead, content: BinaryIO, peer: tuple[str, int] | None) -> None:
    """Add one request to a copy of the template."""
    environ["REQUEST_METHOD"] = head.method
    environ["SERVER_PROTOCOL"] = PROTOCOLS[head.minor]
    environ["RAW_URI"] = head.target.decode("latin-1")
    path = head.path
    environ["PATH_INFO"] = (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1")
    environ["QUERY_STRING"] = head.query.decode("latin-1")
    environ["wsgi.input"] = content
    if peer is not None:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = peer[0], str(peer[1])
    for item in head.fields:
        key = item.cgi
        if key in environ:  # the field came before: a list (RFC 9110 5.3); cookies have their own delimiter
            delimiter = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{delimiter}{item.text}"
        else:
            environ[key] = item.text


def trust(environ: Environ, gateway: Gateway, head: RequestHead) -> None:
    """Apply what a trusted proxy says of the client: the scheme, and where the application is mounted.

    Raises RemoteProtocolError when its fields contradict each other.
    """
    markers = gateway.https_markers
    schemes = {each == https for key, https in markers.items() if key in environ for each in _sent(environ, key, head)}
    if len(schemes) > 1:
        raise RemoteProtocolError("the proxy's scheme fields contradict each other")
    if True in schemes:
        environ["wsgi.url_scheme"] = "https"
    if gateway.script_name_field and "HTTP_SCRIPT_NAME" in environ:
        for item in head.fields:  # by the name that proxies send: a client's Script-Name has the same key
            if item.name in {b"script_name", b"path_info"}:
                environ[item.cgi.removeprefix("HTTP_")] = item.text


def _sent(environ: Environ, key: str, head: RequestHead) -> list[str]:
    """Fields of one name are joined with commas; each was sent by somebody."""
    value = str(environ[key])
    return [value] if "," not in value else [item.text for item in head.fields if item.cgi == key]


def mount(environ: Environ) -> bool:
    """Take SCRIPT_NAME off the head of PATH_INFO; False when the path does not begin with it."""
    script, path = str(environ["SCRIPT_NAME"]), str(environ["PATH_INFO"])
    if not path.startswith(script) or path[len(script) : len(script) + 1] not in ("", "/"):
        return False
    environ["PATH_INFO"] = path[len(script) :]
    return True


def name_server(environ: Environ) -> None:
    """On a Unix socket the request's own Host names the server (RFC 3875 4.1.14)."""
    host, _, port = str(environ.get("HTTP_HOST", "")).rpartition(":")
    if not host or port.endswith("]") or not port.isdigit():
        host, port = str(environ.get("HTTP_HOST", "localhost")), ""
    environ["SERVER_NAME"] = host
    environ["SERVER_PORT"] = port or ("443" if environ["wsgi.url_scheme"] == "https" else "80")
