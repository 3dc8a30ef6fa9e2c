from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tonnage.observe import log
from tonnage.observe.records import LineHandler


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Whatever a test does to logging is undone."""
    manager = logging.root.manager
    kept = [logging.root, log.error_log, log.access_log, logging.getLogger("tonnage")]
    before = [(each, each.handlers[:], each.filters[:], each.level, each.propagate) for each in kept]
    names = dict(manager.loggerDict)
    yield
    for each, handlers, filters, level, propagate in before:
        for handler in each.handlers[:]:
            if handler not in handlers:
                each.removeHandler(handler)
                handler.end() if isinstance(handler, LineHandler) else handler.close()
        each.handlers, each.filters, each.propagate, each.disabled = handlers, filters, propagate, False
        each.setLevel(level)
    manager.loggerDict.clear()
    manager.loggerDict.update(names)
    for logger in names.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False  # dictConfig disables whatever it is not told of, other tests' loggers too
