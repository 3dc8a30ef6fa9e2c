from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tonnage.config.gunicorn import DEFAULT_LOGGERS
from tonnage.config.kinds import MAPPING, MAYBE, PATH, SWITCH, TEXT, choice
from tonnage.config.setting import Kind, setting

COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
OURS = "tonnage.observe.log"
Level = Literal["debug", "info", "warning", "error", "critical"]


def logger_class(raw: object) -> str:
    name = f"{raw.__module__}.{raw.__qualname__}" if isinstance(raw, type) else TEXT.parse(raw)
    return OURS if name in DEFAULT_LOGGERS else name


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Logs."""

    accesslog: str | None = setting(
        None,
        "--access-logfile",
        kind=PATH,
        meaning="File for one line per request; - is stdout. Without it there is no access log.",
    )
    access_log_format: str = setting(
        COMMON,
        "--access-logformat",
        "--access-log-format",
        kind=TEXT,
        meaning="Shape of an access line, by Gunicorn's atoms; `json` is one JSON object a line.",
    )
    errorlog: str = setting(
        "-",
        "--error-logfile",
        "--log-file",
        kind=Kind("PATH", TEXT.parse),
        meaning="File for everything the server itself has to say; - is stderr.",
    )
    loglevel: Level = setting(
        "info",
        "--log-level",
        kind=choice("debug", "info", "warning", "error", "critical", aliases={"warn": "warning", "fatal": "critical"}),
        meaning="The least severe level that is written to the error log.",
    )
    log_format: Literal["text", "json"] = setting(
        "text",
        "--log-format",
        kind=choice("text", "json"),
        meaning="Shape of the error log: Gunicorn's text lines, or one JSON object a line.",
        why="Text is what people read and existing monitors grep.",
    )
    capture_output: bool = setting(
        False,
        "--capture-output",
        kind=SWITCH,
        meaning="Send what the application prints to the error log's file.",
    )
    logger_class: str = setting(
        OURS,
        "--logger-class",
        kind=Kind("NAME", logger_class),
        meaning="The class that writes the logs.",
    )
    logconfig: str | None = setting(
        None,
        "--log-config",
        kind=PATH,
        meaning="A logging configuration file in configparser format.",
    )
    logconfig_dict: Mapping[str, object] = setting(
        {},
        "--log-config-dict",
        kind=MAPPING,
        meaning="A logging.config.dictConfig dictionary; it wins over the two files.",
    )
    logconfig_json: str | None = setting(
        None,
        "--log-config-json",
        kind=PATH,
        meaning="A dictConfig dictionary in a JSON file; it wins over log-config.",
    )
    disable_redirect_access_to_syslog: bool = setting(
        False,
        "--disable-redirect-access-to-syslog",
        kind=SWITCH,
        meaning="Keep access lines out of syslog.",
    )
    syslog: bool = setting(False, "--log-syslog", kind=SWITCH, meaning="Send the logs to syslog.")
    syslog_addr: str = setting(
        "udp://localhost:514",
        "--log-syslog-to",
        kind=TEXT,
        meaning="Where syslog listens: unix://PATH#stream, unix://PATH#dgram, udp://HOST:PORT or tcp://HOST:PORT.",
    )
    syslog_prefix: str | None = setting(
        None, "--log-syslog-prefix", kind=MAYBE, meaning="The program name syslog shows; the process name by default."
    )
    syslog_facility: str = setting("user", "--log-syslog-facility", kind=TEXT, meaning="The syslog facility.")
    statsd_host: str | None = setting(
        None, "--statsd-host", kind=MAYBE, meaning="A statsd server for metrics: HOST:PORT or unix://PATH."
    )
    statsd_prefix: str = setting("", "--statsd-prefix", kind=TEXT, meaning="Put in front of the metrics' names.")
    dogstatsd_tags: str = setting("", "--dogstatsd-tags", kind=TEXT, meaning="Tags for Datadog's statsd, with commas.")
    enable_backlog_metric: bool = setting(
        False, "--enable-backlog-metric", kind=SWITCH, meaning="Also send the length of the accept queue."
    )
