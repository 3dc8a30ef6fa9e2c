"""RequestHead -> environ, with heads made by the real parser."""

from __future__ import annotations

import io
from wsgiref.validate import check_environ  # type: ignore[attr-defined]  # there, but not in the stubs

import pytest

from tonnage.app.environ import Gateway, fill, mount, name_server, trust
from tonnage.app.wsgi import Environ
from tonnage.errors import RemoteProtocolError
from tonnage.http.connection import Connection
from tonnage.http.head import RequestHead
from tonnage.http.limits import Limits, Policy

GATEWAY = Gateway(
    "127.0.0.1", "8000", multithread=False, multiprocess=True, software="tonnage/test",
    https_markers={"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_SSL": "on"}, script_name_field=True,
)  # fmt: skip


def head(text: str, *, trusted: bool = False) -> RequestHead:
    connection = Connection(Limits(), Policy(), trusted=trusted)
    connection.receive(text.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n")
    event = connection.next()
    assert isinstance(event, RequestHead)
    return event


def environ(text: str, *, trusted: bool = False) -> Environ:
    made = GATEWAY.template()
    request = head(text, trusted=trusted)
    fill(made, request, io.BytesIO(), ("192.0.2.7", 4711))
    if trusted:
        trust(made, GATEWAY, request)
    return made


def test_it_is_what_wsgiref_validate_asks_for() -> None:
    made = environ("GET /caf%C3%A9?q=1&r=%20 HTTP/1.1\nHost: example.org")
    check_environ(made)
    assert made["REQUEST_METHOD"] == "GET"
    assert made["PATH_INFO"] == "/cafÃ©"  # octets as latin-1 characters, PEP 3333
    assert made["QUERY_STRING"] == "q=1&r=%20"
    assert made["RAW_URI"] == "/caf%C3%A9?q=1&r=%20"
    assert made["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert (made["REMOTE_ADDR"], made["REMOTE_PORT"]) == ("192.0.2.7", "4711")
    assert made["HTTP_HOST"] == "example.org"


def test_repeated_fields_are_joined_and_cookies_with_their_own_delimiter() -> None:
    made = environ("GET / HTTP/1.1\nHost: x\nAccept: a\nCookie: c=1\nAccept: b\nCookie: d=2")
    assert made["HTTP_ACCEPT"] == "a,b"
    assert made["HTTP_COOKIE"] == "c=1; d=2"


def test_content_fields_have_no_prefix() -> None:
    made = environ("POST / HTTP/1.1\nHost: x\nContent-Type: text/plain\nContent-Length: 3")
    assert (made["CONTENT_TYPE"], made["CONTENT_LENGTH"]) == ("text/plain", "3")
    assert "HTTP_CONTENT_TYPE" not in made


def test_one_request_leaves_nothing_for_the_next() -> None:
    template = GATEWAY.template()
    first = template.copy()
    fill(first, head("GET / HTTP/1.1\nHost: x\nX-Secret: 1"), io.BytesIO(), None)
    assert "HTTP_X_SECRET" not in template


@pytest.mark.parametrize(
    ("fields", "scheme"),
    [("", "http"), ("\nX-Forwarded-Proto: https", "https"), ("\nX-Forwarded-Proto: http", "http"),
     ("\nX-Forwarded-Proto: https\nX-Forwarded-Ssl: on", "https"),
     ("\nX-Forwarded-Proto: https\nX-Forwarded-Proto: https", "https"),
     ("\nX-Forwarded-Proto: https,http", "http")],
)  # fmt: skip
def test_a_trusted_proxy_says_the_scheme(fields: str, scheme: str) -> None:
    made = environ(f"GET / HTTP/1.1\nHost: x{fields}", trusted=True)
    assert made["wsgi.url_scheme"] == scheme


@pytest.mark.parametrize("other", ["X-Forwarded-Ssl: off", "X-Forwarded-Proto: http"])
def test_contradicting_schemes_are_refused(other: str) -> None:
    with pytest.raises(RemoteProtocolError):
        environ(f"GET / HTTP/1.1\nHost: x\nX-Forwarded-Proto: https\n{other}", trusted=True)


def test_a_stranger_says_nothing_of_the_scheme() -> None:
    assert environ("GET / HTTP/1.1\nHost: x\nX-Forwarded-Proto: https")["wsgi.url_scheme"] == "http"


def test_a_trusted_proxy_says_where_the_application_is_mounted() -> None:
    made = environ("GET /shop/cart HTTP/1.1\nHost: x\nSCRIPT_NAME: /shop", trusted=True)
    assert mount(made)
    assert (made["SCRIPT_NAME"], made["PATH_INFO"]) == ("/shop", "/cart")


def test_a_field_that_only_shares_the_key_does_not_mount_the_application() -> None:
    made = environ("GET /shop/cart HTTP/1.1\nHost: x\nScript-Name: /shop", trusted=True)
    assert (made["SCRIPT_NAME"], made["PATH_INFO"]) == ("", "/shop/cart")


@pytest.mark.parametrize(("path", "below"), [("/shop", ""), ("/shop/", "/"), ("/shop/a", "/a")])
def test_the_mount_point_is_taken_off_the_path(path: str, below: str) -> None:
    made = environ(f"GET {path} HTTP/1.1\nHost: x") | {"SCRIPT_NAME": "/shop"}
    assert mount(made)
    assert made["PATH_INFO"] == below


@pytest.mark.parametrize("path", ["/", "/shopping", "/other/shop"])
def test_a_path_elsewhere_is_not_below_the_mount_point(path: str) -> None:
    assert not mount(environ(f"GET {path} HTTP/1.1\nHost: x") | {"SCRIPT_NAME": "/shop"})


@pytest.mark.parametrize(
    ("host", "server"),
    [("example.org", ("example.org", "80")), ("example.org:8080", ("example.org", "8080")), ("[::1]", ("[::1]", "80")),
     ("[::1]:81", ("[::1]", "81"))],
)  # fmt: skip
def test_on_a_unix_socket_the_host_names_the_server(host: str, server: tuple[str, str]) -> None:
    made = environ(f"GET / HTTP/1.1\nHost: {host}")
    name_server(made)
    assert (made["SERVER_NAME"], made["SERVER_PORT"]) == server
