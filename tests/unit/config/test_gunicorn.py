"""Held against the real Gunicorn 27: none of its settings, flags or values may be missing here."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from tonnage import hooks
from tonnage.config import command_line, gunicorn
from tonnage.config.model import SPECS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    theirs = pytest.importorskip("gunicorn.config")

KNOWN = {setting.name: setting() for setting in theirs.KNOWN_SETTINGS}
HOOKS = set(hooks.PARAMETERS)


def test_every_setting_has_a_verdict_and_a_declaration() -> None:
    assert set(gunicorn.VERDICTS) == set(KNOWN)
    renamed = {name for name, verdict in gunicorn.VERDICTS.items() if isinstance(verdict, gunicorn.Renamed)}
    assert set(KNOWN) - set(SPECS) == renamed


def test_what_gunicorn_lacks_is_ours_alone() -> None:
    assert set(gunicorn.NOT_YET) <= set(SPECS) - set(KNOWN)


FLAGS = [(name, flag) for name, setting in KNOWN.items() for flag in setting.cli or ()]


@pytest.mark.parametrize(("name", "flag"), FLAGS)
def test_every_flag_parses_to_what_gunicorn_makes_of_it(name: str, flag: str) -> None:
    setting = KNOWN[name]
    takes_none = setting.action in {"store_true", "store_const"}
    text = SAMPLES.get(name, "3" if setting.type else "x")
    found, words = command_line.given([flag] if takes_none else [flag, text])
    assert words == []
    value = found[name].value
    if takes_none:
        assert value is (setting.const if setting.action == "store_const" else True)
    elif name not in DIFFERENT_TYPES:
        assert value == as_theirs(setting.validator(setting.type(text) if setting.type else text))


SAMPLES = {
    "bind": "127.0.0.1:80",
    "worker_class": "sync",
    "user": "nobody",
    "group": "0",
    "raw_env": "A=b",
    "raw_paste_global_conf": "a=b",
    "forwarded_allow_ips": "10.0.0.0/8, ::1",
    "proxy_allow_ips": "*",
    "uwsgi_allow_ips": "127.0.0.1",
    "proxy_protocol": "V1",
    "protocol": "uwsgi",
    "loglevel": "debug",
    "reload_engine": "poll",
    "header_map": "Refuse",
    "http_protocols": "h2,h1",
    "http2_cleartext": "both",
    "http2_max_frame_size": "20000",
    "asgi_loop": "asyncio",
    "asgi_lifespan": "off",
    "http_parser": "python",
    "statsd_host": "localhost:8125",
    "forwarder_headers": "A, B",
    "chdir": "/",
    "umask": "022",
    "control_socket_mode": "0o660",
    "cert_reqs": "2",
}
DIFFERENT_TYPES = {
    "bind",
    "statsd_host",
    "reload_extra_files",
    "raw_env",
    "ssl_version",
    "pythonpath",
}  # typed, or parsed later


def as_theirs(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


VALUES: tuple[object, ...] = (
    "", "x", "1", "0x10", "-1", " 5 ", 1, 0, -1, 3, 70000, True, False, "true", "True", "1.5", [], ["a"], ("a",), {},
    {"X-A": "b"}, "a,b", "127.0.0.1", "10.0.0.0/8", "*", "127.0.0.1,::1", "auto", "poll", "debug", "DEBUG", "drop",
    "refuse", "v1", "both", "upgrade", "h1", "h2,h1", "on", "off", "sync", "gthread", "a.b.C", "/tmp", "A=b", ["A=b"],
)  # fmt: skip

# Values that Gunicorn takes and Tonnage refuses, on purpose.
REFUSED: dict[str, Callable[[Any], bool]] = {
    "bind": lambda value: True,  # Gunicorn looks at them later, and fails then; see test_values
    "workers": lambda value: value == 0,  # a server without a worker serves nobody
    "threads": lambda value: value == 0,
    "worker_connections": lambda value: value == 0,
    "worker_class": lambda value: value not in ("sync", "gthread", "a.b.C"),  # fails at start there
    "loglevel": lambda value: value not in ("debug", "DEBUG"),  # unknown levels mean info there
    "protocol": lambda value: value not in ("http", "uwsgi"),  # anything else means http there
    "raw_env": lambda value: value not in ("A=b", ["A=b"]),  # fails when it is used
    "raw_paste_global_conf": lambda value: value not in ("A=b", ["A=b"]),
    "umask": lambda value: value > 0o777,
    "control_socket_mode": lambda value: value > 0o777,
    "cert_reqs": lambda value: value not in (0, 1, 2, "1"),
    "dirty_threads": lambda value: value == 0,
    "dirty_apps": lambda value: not isinstance(value, str | list | tuple),  # takes a dict for a list of its keys
    "reload_extra_files": lambda value: not isinstance(value, str | list | tuple),
    "proxy_protocol": lambda value: value == "1",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(KNOWN) - HOOKS))
def test_values_that_gunicorn_takes_are_taken(name: str) -> None:
    refused = [value for value in VALUES if _gunicorn_takes(name, value) and not _we_take(name, value)]
    assert [value for value in refused if name not in REFUSED or not REFUSED[name](value)] == []


def _gunicorn_takes(name: str, value: object) -> bool:
    try:
        KNOWN[name].validator(value)
    except (Exception, SystemExit):
        return False
    return True


def _we_take(name: str, value: object) -> bool:
    try:
        return SPECS[name].check(SPECS[name].kind.parse(value)) is None
    except ValueError:
        return False


DEFAULTS = {
    "keepalive",
    "limit_request_line",
    "default_proc_name",
    "logger_class",
    "config",
    "control_socket",
    "workers",
}
OF_THE_MACHINE = {"user", "group", "chdir", "sendfile", "ssl_version", "syslog_addr", "bind", "pythonpath"}  # or typed


@pytest.mark.parametrize("name", sorted(set(KNOWN) - HOOKS))
def test_defaults_differ_only_where_it_is_said(name: str) -> None:
    if name in OF_THE_MACHINE:
        return
    default = KNOWN[name].validator(KNOWN[name].default)
    same = as_theirs(default) == SPECS[name].default
    assert same is (name not in DEFAULTS), (default, SPECS[name].default)
