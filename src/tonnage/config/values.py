"""Text and file values into typed ones: addresses, durations, sizes, networks.

Every function takes what a human wrote (text, or an object of a Python or TOML file) or its own result, and raises
ValueError with the end of the sentence "keepalive = 'x' must be ...".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network

DEFAULT_PORT = 8000  # Gunicorn's
SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
OCTETS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, slots=True)
class TcpAddress:
    host: str  # "" listens on every IPv4 address
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    path: str  # as for socket.bind: an abstract name begins with NUL

    @property
    def abstract(self) -> bool:
        return self.path.startswith("\0")

    def __str__(self) -> str:
        return f"unix:@{self.path[1:]}" if self.abstract else f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class FdAddress:
    fd: int

    def __str__(self) -> str:
        return f"fd://{self.fd}"


Address = TcpAddress | UnixAddress | FdAddress


def address(raw: object) -> Address:
    """HOST, HOST:PORT, :PORT, PORT, [v6]:PORT, tcp://..., unix:PATH, unix:@NAME, fd://N."""
    if isinstance(raw, TcpAddress | UnixAddress | FdAddress):
        return raw
    text = string(raw)
    if text.startswith("unix:"):
        return _unix(text.removeprefix("unix:"))
    if text.startswith("fd://"):
        return FdAddress(_decimal(text.removeprefix("fd://"), "a file descriptor"))
    return _tcp(text.removeprefix("tcp://"))


def _unix(path: str) -> UnixAddress:
    path = path.removeprefix("//")
    if path.strip("@\0") == "":
        raise ValueError("must name a path after 'unix:'")
    return UnixAddress("\0" + path[1:] if path[0] == "@" else path)


def _tcp(text: str) -> TcpAddress:
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text)
    if bracketed:
        host, port = bracketed[1], bracketed[2]
    elif text.count(":") > 1:
        raise ValueError("must be HOST:PORT; an IPv6 address goes in brackets: [::1]:8000")
    else:
        host, colon, after = text.partition(":")
        port = after if colon else None
    if "/" in host:
        raise ValueError(f"must be HOST:PORT; a path needs 'unix:' in front: unix:{text}")
    if port is None and host.isdecimal():  # Gunicorn takes a lone number for a port
        host, port = "", host
    number = DEFAULT_PORT if port is None else _decimal(port, "a port")
    if number > 65535:
        raise ValueError(f"must have a port up to 65535, not {number}")
    return TcpAddress("" if host == "*" else host.lower(), number)


def _decimal(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"must have {what}, not {text!r}")
    return int(text)


def whole(raw: object) -> int:
    """A whole number; text may be 0x10 or 0o17 as in Python."""
    if isinstance(raw, int):
        return int(raw)
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, str):
        try:
            return int(raw.strip(), 0)
        except ValueError:
            pass
    raise ValueError("must be a whole number")


class Automatic(int):
    """0, for a number that the server is to find by itself; a 0 that somebody wrote is none."""

    def __str__(self) -> str:
        return "auto"


AUTO = Automatic()


def whole_or_auto(raw: object) -> int:
    if isinstance(raw, Automatic) or (isinstance(raw, str) and raw.strip().lower() == "auto"):
        return AUTO
    try:
        return whole(raw)
    except ValueError:
        raise ValueError("must be a whole number, or auto") from None


def _is_whole(raw: object) -> bool:
    return isinstance(raw, str) and re.fullmatch(r"\s*(0x[0-9a-fA-F]+|[1-9]\d*|0)\s*", raw) is not None


def mode(raw: object) -> int:
    """File permission bits: 0o22, 022 and 18 are the same."""
    if isinstance(raw, str) and re.fullmatch(r"0[0-7]+", raw.strip()):
        return int(raw, 8)
    return whole(raw)


def seconds(raw: object) -> float:
    """A number of seconds, or with a unit: 500ms, 90s, 2m, 1h, 1d."""
    if isinstance(raw, int | float) or _is_whole(raw):
        number = float(raw) if isinstance(raw, float) else float(whole(raw))
    else:
        number = _with_unit(raw, SECONDS, "a number of seconds such as 30, 1.5, 500ms or 2m")
    if not 0 <= number < float("inf"):
        raise ValueError("must be a number of seconds, 0 or more")
    return number


def octets(raw: object) -> int:
    """A number of bytes, or with a unit: 512k, 10m, 1g, 10MiB (all binary)."""
    if isinstance(raw, str) and not _is_whole(raw):
        short = re.sub(r"i?b$", "", raw.strip().lower())
        return int(_with_unit(short, OCTETS, "a number of bytes such as 8190, 512k, 10m or 1g"))
    return whole(raw)


def _with_unit(raw: object, units: dict[str, float] | dict[str, int], what: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", raw.strip().lower()) if isinstance(raw, str) else None
    if found is None or found[2] not in units:
        raise ValueError(f"must be {what}")
    return float(found[1]) * units[found[2]]


def truth(raw: object) -> bool:
    words = {"true": True, "yes": True, "on": True, "y": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "n": False, "0": False, "": False}
    if isinstance(raw, bool) or raw in (0, 1):
        return bool(raw)
    if raw is None:
        return False
    if isinstance(raw, str) and raw.strip().lower() in words:
        return words[raw.strip().lower()]
    raise ValueError("must be true or false")


def string(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError("must be text")  # noqa: TRY004  # every refusal of a value is a ValueError here
    return raw.strip()


def network(raw: object) -> str:
    """An IP address, a network in CIDR form, or `*` for every peer."""
    text = string(raw)
    if text == "*":
        return text
    try:
        ip_network(text)
    except ValueError as exc:
        raise ValueError(f"must be IP addresses, networks such as 10.0.0.0/8, or *: {exc}") from None
    return text
