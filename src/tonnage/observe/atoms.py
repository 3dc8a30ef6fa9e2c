"""What can stand in an access log: Gunicorn's atoms, each read from an Exchange as it is, not yet safe to write.

`%(h)s` and the like are in ATOMS; `%({name}i)s`, `o` and `e` are made by `named`. Where a WSGI environ exists it is
asked before the head, as in Gunicorn: a middleware that puts the real client into REMOTE_ADDR changes the log too.
"""

from __future__ import annotations

import binascii
import os
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

from tonnage.http.head import RequestHead
from tonnage.observe.dates import COMMON, Dates
from tonnage.observe.escape import MISSING
from tonnage.observe.exchange import Exchange

Getter = Callable[[Exchange], object]  # None: there is no such thing

_dates = Dates(COMMON)


def client(exchange: Exchange) -> object:
    environ = exchange.environ
    return (environ.get("REMOTE_ADDR") if environ is not None else exchange.peer) or None


def user(exchange: Exchange) -> str | None:
    environ = exchange.environ
    credentials = _authorization(exchange) if environ is None else environ.get("HTTP_AUTHORIZATION")
    if credentials is None or not isinstance(credentials, str):
        return None
    scheme, _, token = credentials.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return binascii.a2b_base64(token.strip()).partition(b":")[0].decode() or None
    except ValueError:  # not base64, not ASCII, not UTF-8
        return None


def date(exchange: Exchange) -> str:
    return _dates[int(exchange.started + exchange.duration_s)]


def line(exchange: Exchange) -> str | None:
    return exchange.line.decode("latin-1") or None


def status(exchange: Exchange) -> str:
    return exchange.status[:3] or MISSING


def _sent(exchange: Exchange) -> int:
    return exchange.sent


def _sent_as_text(exchange: Exchange) -> str:
    return str(exchange.sent)


def _microseconds(exchange: Exchange) -> int:
    return round(exchange.duration_s * 1_000_000)


def _milliseconds(exchange: Exchange) -> int:
    return _microseconds(exchange) // 1_000


def _seconds(exchange: Exchange) -> int:
    return _microseconds(exchange) // 1_000_000


def _decimal_seconds(exchange: Exchange) -> str:
    seconds, microseconds = divmod(_microseconds(exchange), 1_000_000)
    return f"{seconds}.{microseconds:06}"


def _pid(_: Exchange) -> str:
    return f"<{os.getpid()}>"


def _nothing(_: Exchange) -> None:
    """The identity of RFC 1413, which nobody asks for."""


def _variable(key: str, otherwise: Callable[[RequestHead], str | None]) -> Getter:
    """Of the environ; `otherwise` says the same from a head that has no environ."""

    def get(exchange: Exchange) -> object:
        environ, head = exchange.environ, exchange.head
        if environ is not None:
            return environ.get(key)
        return None if head is None else otherwise(head)

    return get


def _field_variable(key: str) -> Getter:
    def joined(head: RequestHead) -> str | None:
        text = None
        for field in head.fields:
            if field.cgi == key:
                text = field.text if text is None else f"{text},{field.text}"
        return text

    return _variable(key, joined)


def _method(head: RequestHead) -> str:
    return head.method


def _path(head: RequestHead) -> str:
    return unquote_to_bytes(head.path).decode("latin-1")


def _query(head: RequestHead) -> str:
    return head.query.decode("latin-1")


def _protocol(head: RequestHead) -> str:
    return f"HTTP/1.{head.minor}"


_authorization = _field_variable("HTTP_AUTHORIZATION")

ATOMS: Final[dict[str, Getter]] = {
    "h": client,
    "l": _nothing,
    "u": user,
    "t": date,  # when the response was finished
    "r": line,
    "m": _variable("REQUEST_METHOD", _method),
    "U": _variable("PATH_INFO", _path),
    "q": _variable("QUERY_STRING", _query),
    "H": _variable("SERVER_PROTOCOL", _protocol),
    "s": status,
    "b": _sent_as_text,
    "B": _sent,
    "f": _field_variable("HTTP_REFERER"),
    "a": _field_variable("HTTP_USER_AGENT"),
    "T": _seconds,
    "M": _milliseconds,
    "D": _microseconds,
    "L": _decimal_seconds,
    "p": _pid,
}
NUMBERS: Final = frozenset("BTMD")
OURS: Final = frozenset("tsbBTMDLp")  # made here: nothing in them comes from a client or an application


def named(kind: str, name: str) -> Getter:
    """`kind` i: request field, o: response field, e: variable of the environ. Names know no case."""
    return {"i": _request_field, "o": _response_field, "e": _environ_variable}[kind](name.lower())


def _request_field(name: str) -> Getter:
    wanted = name.encode("utf-8", "replace")

    def get(exchange: Exchange) -> object:
        if exchange.head is not None:
            for field in reversed(exchange.head.fields):  # the last one, as in Gunicorn
                if field.name == wanted:
                    return field.text
        return None

    return get


def _response_field(wanted: str) -> Getter:
    def get(exchange: Exchange) -> object:
        for name, value in reversed(exchange.fields):
            if name.lower() == wanted:
                return value
        return None

    return get


def _environ_variable(wanted: str) -> Getter:
    upper = wanted.upper()  # so are most of them

    def get(exchange: Exchange) -> object:
        environ = exchange.environ
        if environ is None:
            return None
        if (value := environ.get(upper)) is not None:
            return value
        for name in environ:
            if name.lower() == wanted:
                return environ[name]
        return None

    return get
