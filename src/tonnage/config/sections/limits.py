from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tonnage.config import values
from tonnage.config.kinds import OCTETS, SWITCH, TEXTS, choice
from tonnage.config.setting import Kind, at_least, setting

MOST_FIELDS = 32768  # Gunicorn's own ceiling, and what it takes 0 for


def fields(raw: object) -> int:
    return values.whole(raw) or MOST_FIELDS


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits and strictness of HTTP/1.1."""

    limit_request_line: int = setting(
        8190,
        "--limit-request-line",
        kind=OCTETS,
        check=at_least(0),
        meaning="Longest request line in bytes, else 414; 0 is no limit.",
        why="RFC 9112 3 asks for at least 8,000, and signed or search URLs need them; Gunicorn's 4,094 refuses those.",
    )
    limit_request_fields: int = setting(
        100,
        "--limit-request-fields",
        kind=Kind("N", fields),
        check=at_least(0),
        meaning=f"Most header fields in a request, else 431; 0 is {MOST_FIELDS}.",
    )
    limit_request_field_size: int = setting(
        8190,
        "--limit-request-field_size",
        "--limit-request-field-size",
        kind=OCTETS,
        check=at_least(0),
        meaning="Longest header field in bytes, name and value, else 431; 0 is no limit.",
    )
    limit_request_body: int = setting(
        1 << 30,
        "--limit-request-body",
        kind=OCTETS,
        check=at_least(0),
        meaning="Largest request body in bytes, else 413; 0 is no limit. Bodies may wait on disk, which this bounds.",
        why="1 GiB lets every common upload through and stops one client from filling the disk. Gunicorn has no limit.",
    )
    permit_obsolete_folding: bool = setting(
        False,
        "--permit-obsolete-folding",
        kind=SWITCH,
        meaning="Accept header fields continued on a second line.",
        why="Folding hides fields from proxies, and RFC 9112 5.2 has servers refuse it.",
    )
    strip_header_spaces: bool = setting(
        False,
        "--strip-header-spaces",
        kind=SWITCH,
        meaning="Accept spaces between a field's name and its colon.",
        why="RFC 9112 5.1 demands 400: proxies that read such a field differently make request smuggling possible.",
    )
    permit_unconventional_http_method: bool = setting(
        False,
        "--permit-unconventional-http-method",
        kind=SWITCH,
        meaning="Accept any method RFC 9110 allows, not only 3 to 20 characters without a-z and #.",
    )
    permit_unconventional_http_version: bool = setting(
        False,
        "--permit-unconventional-http-version",
        kind=SWITCH,
        meaning="Accept HTTP/1.x with an x above 1.",
    )
    casefold_http_method: bool = setting(
        False,
        "--casefold-http-method",
        kind=SWITCH,
        meaning="Turn the method into upper case. Methods are case-sensitive, so this is for old clients only.",
    )
    header_map: Literal["drop", "refuse", "dangerous"] = setting(
        "drop",
        "--header-map",
        kind=choice("drop", "refuse", "dangerous"),
        meaning="What happens to a field whose name, as an environ key, could be taken for another one (X_Y for X-Y).",
        why="`dangerous` lets a client forge fields that the proxy in front sets.",
    )
    forwarder_headers: tuple[str, ...] = setting(
        ("SCRIPT_NAME", "PATH_INFO"),
        "--forwarder-headers",
        kind=TEXTS,
        meaning="Names with underscores that a believed proxy may send whatever header_map says; * is any.",
    )
    http_parser: Literal["auto", "fast", "python"] = setting(
        "auto",
        "--http-parser",
        kind=choice("auto", "fast", "python"),
        meaning="Which parser Gunicorn uses.",
    )
