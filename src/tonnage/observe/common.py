"""The line of the default format, which most sites keep: what pattern.py makes of it, written out.

The functions are the same and the text is, too; but this can be compiled, and then costs a third.
"""

from __future__ import annotations

from tonnage.observe.atoms import ATOMS, client, date, line, status, user
from tonnage.observe.escape import ADDRESSES, AGENTS, shown, shown_word
from tonnage.observe.exchange import Exchange


def common_line(exchange: Exchange) -> str:
    environ = exchange.environ
    if isinstance(environ, dict):
        referer, agent = environ.get("HTTP_REFERER"), environ.get("HTTP_USER_AGENT")
    else:
        referer, agent = ATOMS["f"](exchange), ATOMS["a"](exchange)
    return (
        f"{ADDRESSES[client(exchange)]} - {shown_word(user(exchange))} {date(exchange)} "
        f'"{shown(line(exchange))}" {status(exchange)} {exchange.sent} "{shown(referer)}" "{AGENTS[agent]}"\n'
    )
