"""Every atom: with the environ of WSGI, from the head alone as in ASGI, and where there is nothing to say."""

from __future__ import annotations

import base64
import os
import time

import pytest

from tests.unit.observe.exchanges import AGENT, exchange, head_of, refused
from tonnage.observe.atoms import ATOMS
from tonnage.observe.dates import REMEMBERED, Dates, Timestamps
from tonnage.observe.exchange import Exchange
from tonnage.observe.pattern import compile_format


def write(atom: str, wanted: Exchange) -> str:
    """The text of one atom, without the end of the line."""
    return compile_format(f"%({atom})s")(wanted)[:-1]


EXPECTED = {
    "h": "127.0.0.1",
    "l": "-",
    "u": "-",
    "r": "GET /articles/caf%C3%A9?page=2&q=a%20b HTTP/1.1",
    "m": "GET",
    "U": "/articles/caf\xc3\xa9",  # latin-1, as in an environ
    "q": "page=2&q=a%20b",
    "H": "HTTP/1.1",
    "s": "200",
    "b": "1234",
    "B": "1234",
    "f": "https://example.org/",
    "a": AGENT,
    "T": "0",
    "M": "12",
    "D": "12345",
    "L": "0.012345",
    "{host}i": "example.org",
    "{X-REQUEST-ID}i": "7f3a",
    "{x-request-id}I": "7f3a",
    "{nothing}i": "-",
    "{content-type}o": "text/html",
    "{X-Cache}o": "hit",
    "{nothing}o": "-",
}


@pytest.mark.parametrize(("atom", "text"), EXPECTED.items())
@pytest.mark.parametrize("wsgi", [True, False], ids=["wsgi", "asgi"])
def test_an_atom_says_the_same_with_an_environ_and_without(atom: str, text: str, wsgi: bool) -> None:
    assert write(atom, exchange(wsgi=wsgi)) == text


def test_the_date_is_that_of_the_end_of_the_response_in_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = exchange(started=1_700_000_000.75, duration_s=0.5)
    expected = time.strftime("[%d/%b/%Y:%H:%M:%S %z]", time.localtime(1_700_000_001))
    assert write("t", moment) == expected


def test_the_process_is_that_which_writes() -> None:
    assert write("p", exchange()) == f"<{os.getpid()}>"


REFUSED = {
    "h": "192.0.2.7",
    "r": "GET / HTTP/9",
    "s": "400",
    "b": "0",
    "D": "1000",
    **dict.fromkeys(["u", "m", "U", "q", "H", "f", "a", "{host}i", "{x}o", "{REMOTE_ADDR}e"], "-"),
}


@pytest.mark.parametrize(("atom", "text"), REFUSED.items())
def test_a_request_that_could_not_be_parsed_has_a_line_all_the_same(atom: str, text: str) -> None:
    assert write(atom, refused(b"GET / HTTP/9")) == text


def test_there_may_be_no_request_line_and_no_response_at_all() -> None:
    assert write("r", refused()) == "-"
    assert write("s", refused(status="")) == "-"


@pytest.mark.parametrize("wsgi", [True, False])
def test_without_their_fields_referer_and_agent_are_missing_and_empty_ones_are_empty(wsgi: bool) -> None:
    bare = exchange(head=head_of(fields={"Host": "x"}), wsgi=wsgi)
    assert (write("f", bare), write("a", bare)) == ("-", "-")
    empty = exchange(head=head_of(fields={"Host": "x", "Referer": "", "User-Agent": ""}), wsgi=wsgi)
    assert (write("f", empty), write("a", empty)) == ("", "")


def test_a_unix_socket_has_no_client_address() -> None:
    assert write("h", exchange(peer="")) == "-"
    assert write("h", exchange(peer="", wsgi=False)) == "-"


def test_a_middleware_that_knows_the_real_client_is_believed() -> None:
    assert write("h", exchange(environ={"REMOTE_ADDR": "203.0.113.9"})) == "203.0.113.9"


def basic(credentials: bytes) -> str:
    return "Basic " + base64.b64encode(credentials).decode()


@pytest.mark.parametrize(
    ("authorization", "user"),
    [
        (basic(b"ann:secret"), "ann"),
        (basic(b"ann:se:cret"), "ann"),
        (basic(b"ann"), "ann"),
        (basic("zo\xeb:x".encode()), "zo\xeb"),
        (basic(b"ann:x").replace("Basic", "bAsIc"), "ann"),
        (basic(b"ann:x").replace(" ", "   "), "ann"),
        (basic(b"ann lee:x"), "ann\\x20lee"),
        (basic(b'x [now] "GET\n:x'), 'x\\x20[now]\\x20\\"GET\\n'),
        (basic(b":secret"), "-"),
        (basic(b"\xff:x"), "-"),
        ("Basic !", "-"),
        ("Basic YQ=", "-"),
        ("Basic \xe9", "-"),
        ("Basic", "-"),
        ("Basically YTpi", "-"),
        ("Bearer YTpi", "-"),
        ("", "-"),
    ],
)
@pytest.mark.parametrize("wsgi", [True, False])
def test_the_user_is_that_of_basic_authorization_as_one_word(authorization: str, user: str, wsgi: bool) -> None:
    head = head_of(fields={"Host": "x", "Authorization": authorization})
    assert write("u", exchange(head=head, wsgi=wsgi)) == user


@pytest.mark.parametrize(
    ("status", "text"), [("200 OK", "200"), ("404 Not Found", "404"), ("299", "299"), ("200 ", "200")]
)
def test_the_status_is_its_code(status: str, text: str) -> None:
    assert write("s", exchange(status=status)) == text


@pytest.mark.parametrize(
    ("duration_s", "texts"),
    [
        (0.0, ("0", "0", "0", "0.000000")),
        (0.0009996, ("0", "1", "1000", "0.001000")),
        (1.9999994, ("1", "1999", "1999999", "1.999999")),
        (90_061.5, ("90061", "90061500", "90061500000", "90061.500000")),
    ],
)
def test_a_duration_in_all_its_units(duration_s: float, texts: tuple[str, ...]) -> None:
    moment = exchange(duration_s=duration_s)
    assert tuple(write(atom, moment) for atom in "TMDL") == texts


def test_of_a_repeated_field_the_last_is_named() -> None:
    head = head_of(fields={"Host": "x", "X-A": "1"})
    head.fields.append(head_of(fields={"Host": "x", "X-A": "2"}).fields[-1])
    assert write("{x-a}i", exchange(head=head)) == "2"
    assert write("{x-a}o", exchange(fields=[("X-A", "1"), ("x-a", "2")])) == "2"


def test_a_repeated_referer_is_joined_as_in_an_environ() -> None:
    head = head_of(fields={"Host": "x", "Referer": "1"})
    head.fields.append(head_of(fields={"Host": "x", "Referer": "2"}).fields[-1])
    assert write("f", exchange(head=head, wsgi=False)) == "1,2"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("REMOTE_ADDR", "127.0.0.1"),
        ("remote_addr", "127.0.0.1"),
        ("wsgi.url_scheme", "http"),
        ("WSGI.URL_SCHEME", "http"),
        ("wsgi.multithread", "True"),
        ("MyApp.User", "7"),
        ("myapp.nothing", "-"),
        ("EMPTY", ""),
        ("NOT_THERE", "-"),
    ],
)
def test_a_variable_of_the_environ_is_found_whatever_its_case_and_type(name: str, text: str) -> None:
    environ = {"MyApp.User": 7, "myapp.nothing": None, "EMPTY": ""}
    assert write(f"{{{name}}}e", exchange(environ=environ)) == text
    assert write(f"{{{name}}}e", exchange(wsgi=False)) == "-"


def test_every_atom_of_gunicorn_is_there() -> None:
    assert set(ATOMS) == set("hlutrmUqHsBbfaTMDLp")


def test_dates_do_not_pile_up() -> None:
    dates = Dates("%s")
    assert [dates[second] for second in range(3 * REMEMBERED)] == [str(second) for second in range(3 * REMEMBERED)]
    assert len(dates) <= REMEMBERED


@pytest.mark.parametrize(
    ("zone", "text"), [("UTC0", "2023-11-14T22:13:20.062+00:00"), ("IST-5:30", "2023-11-15T03:43:20.062+05:30")]
)
def test_a_timestamp_is_rfc_3339_with_milliseconds(zone: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert Timestamps()(1_700_000_000.0625) == text
    finally:
        monkeypatch.undo()
        time.tzset()
