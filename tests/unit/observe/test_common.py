"""The default format, written out: the text that its general form gives, whatever stands in an exchange."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.observe.exchanges import exchange, head_of, refused
from tonnage.config.sections.logs import COMMON
from tonnage.observe.common import common_line
from tonnage.observe.exchange import Exchange
from tonnage.observe.pattern import compile_format

general = compile_format(COMMON)
ANYTHING = st.none() | st.integers() | st.text(max_size=300)
VARIABLES = ("REMOTE_ADDR", "HTTP_REFERER", "HTTP_USER_AGENT", "HTTP_AUTHORIZATION")


@given(
    environ=st.fixed_dictionaries({}, optional=dict.fromkeys(VARIABLES, ANYTHING)),
    user=st.none() | st.text(max_size=20),
    status=st.sampled_from(["200 OK", "404 Not Found", "499", ""]),
    sent=st.integers(0, 2**40),
    started=st.integers(0, 2**32),
)
def test_it_is_what_the_general_form_gives(
    environ: dict[str, object], user: str | None, status: str, sent: int, started: int
) -> None:
    if user is not None:
        environ["HTTP_AUTHORIZATION"] = (
            "Basic " + base64.b64encode(user.encode("utf-8", "replace") + b":secret").decode()
        )
    moment = exchange(environ=environ, status=status, sent=sent, started=started)
    moment.line = repr(environ).encode("latin-1", "replace")
    assert common_line(moment) == general(moment)


@pytest.mark.parametrize(
    "moment",
    [
        exchange(wsgi=False),
        exchange(wsgi=False, head=head_of(fields={"Host": "x", "User-Agent": 'a "b"', "Authorization": "Basic YTpi"})),
        exchange(wsgi=False, peer=""),
        refused(),
        refused(b"GET / HTTP/9\x01"),
    ],
)
def test_without_an_environ_too(moment: Exchange) -> None:
    assert common_line(moment) == general(moment)
