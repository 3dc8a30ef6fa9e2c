"""Everything Tonnage raises on purpose; anything else that escapes is a bug.

    TonnageError            exit 1   something the operator can mend
    |- UsageError           exit 2   the command line cannot be read
    |- ConfigError          exit 1   a setting has a value we refuse
    |- BindError            exit 1   an address cannot be listened on
    |- PidFileError         exit 1   another instance holds the pid file
    |- ControlError         exit 1   a running server cannot be reached, or cannot do what it is asked
    |- MeasureError         exit 1   what was to be measured could not be
    |- BootError            exit 3   the application raised while it was imported
    |- AppLoadError         exit 4   the application is not there, or is not an application
    |- RemoteProtocolError           the peer broke HTTP; carries the status that answers it
    `- LocalProtocolError            the application broke HTTP; answered with 500
    ClientLeftError                  an OSError, since ASGI promises one: nobody is there any more

The exit codes are Gunicorn's, so that process managers and scripts keep their meaning.
"""

from __future__ import annotations

from typing import ClassVar


class TonnageError(Exception):
    exit_code: ClassVar[int] = 1


class UsageError(TonnageError):
    exit_code = 2


class ConfigError(TonnageError):
    """The text names the setting, its origin and a value that works."""


class BindError(TonnageError):
    """The text names the address, the reason and who holds it, when that can be known."""


class PidFileError(TonnageError):
    """The text names the file and the process that it names."""


class ControlError(TonnageError):
    """The text says which server was looked for, and where."""


class MeasureError(TonnageError):
    """The text says what was tried, and what came instead."""


class BootError(TonnageError):
    """A worker failed to boot; every further try would fail the same way, so the server stops."""

    exit_code = 3


class AppLoadError(TonnageError):
    """The application was looked for and not found; the text says where, and what is there instead."""

    exit_code = 4


class RemoteProtocolError(TonnageError):
    def __init__(self, problem: str, *, status: int = 400, advice: str = "") -> None:
        """`advice` is told to the client, beside the status."""
        super().__init__(problem)
        self.status = status
        self.advice = advice


class LocalProtocolError(TonnageError):
    """The application asked for something that HTTP has no bytes for."""


class ClientLeftError(OSError):
    """What an ASGI application's `send` raises when nobody is there to take it (spec 2.4); `receive`, see `calls`."""
