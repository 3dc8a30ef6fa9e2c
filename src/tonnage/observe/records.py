"""Log records as lines: Gunicorn's shape or JSON, into a file of lines."""

from __future__ import annotations

import logging
from typing import Final

from tonnage.observe.dates import ERROR, Timestamps
from tonnage.observe.escape import escape_controls, json_string
from tonnage.observe.lines import LineFile

SHAPE: Final = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"


class TextFormatter(logging.Formatter):
    """Gunicorn's line. A traceback or a message may have more lines, but none that looks like the first of another."""

    def __init__(self) -> None:
        super().__init__(SHAPE, ERROR)

    def format(self, record: logging.LogRecord) -> str:
        return escape_controls(super().format(record)).replace("\n[", "\n [")


class JsonFormatter(logging.Formatter):
    """One object a line, in ASCII."""

    def __init__(self) -> None:
        super().__init__()
        self._timestamp = Timestamps()

    def format(self, record: logging.LogRecord) -> str:
        traceback = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        texts = {"level": record.levelname, "logger": record.name, "message": record.getMessage()}
        texts |= {"traceback": traceback} if traceback else {}
        texts |= {"stack": record.stack_info} if record.stack_info else {}
        members = [f'"time": "{self._timestamp(record.created)}"', f'"pid": {record.process or 0}']
        members += [f'"{name}": {json_string(text)}' for name, text in texts.items()]
        return "{" + ", ".join(members) + "}"


class LineHandler(logging.Handler):
    """Writes records to a LineFile; an access log puts its lines there too, past the records, under the same lock.

    `close` leaves the file open: logging closes every handler when an application configures logging for itself, and
    goes on using those that stay. See `end`.
    """

    def __init__(self, file: LineFile, formatter: logging.Formatter | None = None) -> None:
        super().__init__()
        self.file = file
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 -- logging's own way: a bad call is reported on stderr, and never raises
            self.handleError(record)
            return
        self.file.write(f"{text}\n".encode("utf-8", "backslashreplace"))

    def drain(self, lines: list[str]) -> None:
        """Write and remove `lines`; other threads may append to them meanwhile."""
        assert self.lock is not None
        with self.lock:
            count = len(lines)
            text = "".join(lines[:count])
            del lines[:count]
            self.file.write(text.encode("utf-8", "backslashreplace"))

    def reopen(self) -> None:
        assert self.lock is not None
        with self.lock:
            self.file.reopen()

    def end(self) -> None:
        self.close()
        self.file.close()
