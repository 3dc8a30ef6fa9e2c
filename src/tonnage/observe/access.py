"""The access log: one line for each exchange, whole, unforgeable, and never the reason why a request fails.

Lines gather in memory and go out in one write when the worker is about to sleep; a worker that is killed loses those of
its last turn. That short way is taken as long as the logger is as `log.setup` left it. Where somebody has put handlers,
filters or a level on it (logconfig, an application's settings), every line is a log record, whose arguments are
Gunicorn's atoms.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Final

from tonnage.config.model import Config
from tonnage.config.sections.logs import COMMON
from tonnage.errors import ConfigError
from tonnage.observe import log
from tonnage.observe.atoms import ATOMS
from tonnage.observe.common import common_line
from tonnage.observe.escape import MISSING
from tonnage.observe.exchange import Exchange
from tonnage.observe.json_line import json_format
from tonnage.observe.pattern import Format, compile_format, hole
from tonnage.observe.records import LineHandler

__all__ = ["AccessLog", "Exchange", "open_access_log"]

AT_MOST: Final = 512  # lines in memory, should a worker be too busy to flush


def open_access_log(config: Config) -> AccessLog | None:
    """After `log.setup`, whose file it writes to. Raises ConfigError when the format is wrong."""
    pattern = config.access_log_format
    write = writer(pattern)
    if not config.accesslog and not log.is_configured(config):
        return None
    return AccessLog(pattern, write)


def writer(pattern: str) -> Format:
    if pattern == "json":
        return json_format()
    return common_line if pattern == COMMON else compile_format(pattern)


class AccessLog:
    """Threads may call it at the same time, and `flush` it too."""

    def __init__(self, pattern: str, write: Format) -> None:
        self._pattern = pattern
        self._write = write
        self._line: Format = self._first
        self._lines: list[str] = []
        self._handler = next((each for each in log.access_log.handlers if isinstance(each, LineHandler)), None)
        self._failed = False

    def __call__(self, exchange: Exchange) -> None:
        try:
            line = self._line(exchange)
        except Exception:  # noqa: BLE001 -- an environ may hold anything by now, and str() of it may do anything
            self._complain()
            return
        if line:
            lines = self._lines
            lines.append(line)
            if len(lines) >= AT_MOST:
                self.flush()

    @property
    def pending(self) -> int:
        """Lines that are not written yet."""
        return len(self._lines)

    def flush(self) -> None:
        handler = self._handler
        if handler is not None and (self._lines or handler.file.held):
            handler.drain(self._lines)

    def reopen(self) -> None:
        self.flush()
        if self._handler is not None:
            self._handler.reopen()

    def _first(self, exchange: Exchange) -> str:
        """Decided at the first exchange, because an application may configure logging while it is loaded."""
        self._line = self._write if self._is_untouched() else self._record
        return self._line(exchange)

    def _is_untouched(self) -> bool:
        logger, handler = log.access_log, self._handler
        if handler is None or handler.filters or handler.formatter is not None or handler.level > logging.INFO:
            return False
        return logger.handlers == [handler] and not (logger.filters or logger.propagate or logger.level > logging.INFO)

    def _record(self, exchange: Exchange) -> str:
        """The line leaves as a record; nothing is left for our buffer."""
        if self._pattern == "json":
            log.access_log.info("%s", self._write(exchange).rstrip())
        else:
            log.access_log.info(self._pattern, Atoms(exchange))
        return ""

    def _complain(self) -> None:
        if not self._failed:
            self._failed = True
            log.error_log.exception(
                "access log: no line could be made of a request, and none will be said of further ones. "
                "What access_log_format %r asks for is in the traceback.",
                self._pattern,
            )


class Atoms(Mapping[str, object]):
    """All atoms of an exchange, made when asked for; an unknown one is "-", as in Gunicorn."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __getitem__(self, name: str) -> object:
        try:
            wanted = hole(name)
        except ConfigError:
            return MISSING
        value = wanted.get(self._exchange)
        for step in wanted.steps:
            value = step(value)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(ATOMS)

    def __len__(self) -> int:
        return len(ATOMS)
