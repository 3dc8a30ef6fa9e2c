"""The two loggers, `tonnage.error` and `tonnage.access`: set up once from the settings, reopened after a rotation.

The very same two are found as `gunicorn.error` and `gunicorn.access`: by logging configurations, by code that puts a
filter on them, by applications that borrow their handlers. `setup` comes before any fork and before privileges are
dropped; `settle` once an application is loaded.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import Final

from tonnage.config.model import Config
from tonnage.errors import ConfigError
from tonnage.observe.lines import LineFile, open_lines
from tonnage.observe.records import JsonFormatter, LineHandler, TextFormatter

error_log: Final = logging.getLogger("tonnage.error")
access_log: Final = logging.getLogger("tonnage.access")
ALIASES: Final = {
    "gunicorn": logging.getLogger("tonnage"),
    "gunicorn.error": error_log,
    "gunicorn.access": access_log,
}


class _Capture:
    """What the application prints goes to the error log's file: descriptors 1 and 2 are copies of the log's."""

    def __init__(self) -> None:
        self.fd: int | None = None

    def renew(self) -> None:
        if self.fd is None:
            return
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os.dup2(self.fd, 1)
        os.dup2(self.fd, 2)


_capture = _Capture()


class _Before:
    """The loggers as they were. logging.config changes them one by one, and gives up in the middle."""

    def __init__(self) -> None:
        self._states = {
            logger: (logger.handlers[:], logger.filters[:], logger.level, logger.propagate, logger.disabled)
            for logger in _loggers()
        }

    def restore(self) -> None:
        for logger in _loggers():
            handlers, filters, level, propagate, disabled = self._states.get(
                logger, ([], [], logging.NOTSET, True, False)
            )
            for new in set(logger.handlers).difference(handlers):
                new.close()
            logger.handlers[:], logger.filters[:] = handlers, filters
            logger.setLevel(level)
            logger.propagate, logger.disabled = propagate, disabled

    def end(self) -> None:
        """Nobody needs them any more."""
        now = set(_handlers())
        for old in {each for state in self._states.values() for each in state[0]} - now:
            if isinstance(old, LineHandler):
                old.end()


def setup(config: Config) -> None:
    """Raises ConfigError when a file cannot be opened or a logging configuration is wrong: then nothing has changed."""
    _take_aliases()
    before = _Before()
    try:
        errors = _set_up(config)
    except ConfigError:
        before.restore()
        raise
    before.end()
    _capture.fd = errors.fd if config.capture_output and config.errorlog != "-" else None
    _capture.renew()
    settle()


def _set_up(config: Config) -> LineFile:
    owner = (-1 if config.user is None else config.user, -1 if config.group is None else config.group)
    errors = open_lines(config.errorlog, 2, "errorlog", _say_of_errors, owner)
    _replace(error_log, LineHandler(errors, JsonFormatter() if config.log_format == "json" else TextFormatter()))
    error_log.setLevel(config.loglevel.upper())
    if config.accesslog:
        _replace(access_log, LineHandler(open_lines(config.accesslog, 1, "accesslog", error_log.log, owner)))
    else:
        _replace(access_log, None)
    access_log.setLevel(logging.INFO)
    if is_configured(config):
        from tonnage.observe import logconfig  # noqa: PLC0415 -- logging.config is 1 MB, and few need it

        logconfig.apply(config)
    return errors


def is_configured(config: Config) -> bool:
    """Has the operator a logging configuration of their own?"""
    return bool(config.logconfig_dict or config.logconfig_json or config.logconfig)


def settle() -> None:
    """Undo what dictConfig does by default to every logger that an application's configuration does not name."""
    error_log.disabled = access_log.disabled = False


def reopen() -> None:
    """All log files, the operator's own handlers included: they were rotated."""
    for handler in _handlers():
        if isinstance(handler, LineHandler):
            handler.reopen()
        elif isinstance(handler, logging.FileHandler) and handler.stream is not None:
            _reopen(handler)
    _capture.renew()


def _reopen(handler: logging.FileHandler) -> None:
    try:
        fresh = open(handler.baseFilename, "a", encoding=handler.encoding, errors=handler.errors)  # noqa: PTH123, SIM115 -- the handler owns it
    except OSError as exc:
        error_log.error(
            "log file %s cannot be reopened (%s); lines go on to the old one", handler.baseFilename, exc.strerror
        )
        return
    if old := handler.setStream(fresh):
        old.close()


def _loggers() -> list[logging.Logger]:
    found = [logging.root, *logging.root.manager.loggerDict.values()]
    return list(dict.fromkeys(logger for logger in found if isinstance(logger, logging.Logger)))


def _handlers() -> list[logging.Handler]:
    return list(dict.fromkeys(handler for logger in _loggers() for handler in logger.handlers))


def _replace(logger: logging.Logger, handler: LineHandler | None) -> None:
    """Put `handler` in the place of an earlier set-up's."""
    for old in logger.handlers[:]:
        if isinstance(old, LineHandler):
            logger.removeHandler(old)
    if handler is not None:
        logger.addHandler(handler)
    logger.propagate = False


def _take_aliases() -> None:
    known = logging.root.manager.loggerDict
    for name, logger in ALIASES.items():
        before = known.get(name)
        known[name] = logger
        if isinstance(before, logging.Logger) and before is not logger:  # a configuration file was here first
            logger.filters += before.filters
            logger.handlers += before.handlers


def _say_of_errors(level: int, text: str) -> None:
    """Of the error log's own troubles it can hardly speak itself."""
    with contextlib.suppress(OSError):
        os.write(2, f"tonnage: {text}\n".encode("utf-8", "backslashreplace"))
    error_log.log(level, "%s", text)


_take_aliases()
