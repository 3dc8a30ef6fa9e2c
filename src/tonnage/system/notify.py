"""Tell the service manager how it goes: the protocol of sd_notify(3), one datagram a message.

Sent without waiting: a manager that does not read must not hold up the supervisor. Without $NOTIFY_SOCKET, or with one
that cannot be reached, nothing is sent, and the methods say so by False.

Only the main process is listened to (NotifyAccess=main), so only the supervisor has a Notifier.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, MutableMapping
from contextlib import suppress

USEC = 1e6  # in a second


class Notifier:
    """Each method is one message; what it returns is whether it was sent."""

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        """`environ` is left as it is: the next supervisor, after an upgrade, needs the same variables."""
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._sock: socket.socket | None = None
        self.watchdog_s = watchdog_s(environ, pid)  # None: nobody watches

    @property
    def beat_s(self) -> float | None:
        """How often to call `alive`: twice in the time that the manager allows, as sd_watchdog_enabled(3) asks for."""
        return None if self.watchdog_s is None else self.watchdog_s / 2

    def ready(self, status: str) -> bool:
        """Serving: after the start, and after every reload, whether it came to something or not."""
        return self._send(f"READY=1\nSTATUS={_line(status)}")

    def reloading(self, status: str, now: float) -> bool:
        """`now` is CLOCK_MONOTONIC: by it the manager knows which of its requests is answered (Type=notify-reload)."""
        return self._send(f"RELOADING=1\nMONOTONIC_USEC={int(now * USEC)}\nSTATUS={_line(status)}")

    def stopping(self, status: str) -> bool:
        return self._send(f"STOPPING=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> bool:
        """One line, shown by `systemctl status`."""
        return self._send(f"STATUS={_line(status)}")

    def alive(self) -> bool:
        """Keeps the watchdog quiet."""
        return self._send("WATCHDOG=1")

    def main_pid(self, pid: int) -> bool:
        """Another process is now the main one. From then on the manager listens to that one, and no more to us."""
        return self._send(f"MAINPID={pid}")

    def close(self) -> None:
        """In a forked child as well: it is the supervisor's."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _send(self, message: str) -> bool:
        if self._address is None:
            return False
        with suppress(OSError):  # the manager is gone, or does not read: there is nobody to complain to
            if self._sock is None:
                self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._sock.setblocking(False)
            self._sock.sendto(message.encode(), socket.MSG_NOSIGNAL, self._address)
            return True
        return False


def watchdog_s(environ: Mapping[str, str], pid: int) -> float | None:
    """Within which time the manager wants a sign of life from the process `pid`; None when it wants none from it."""
    meant = environ.get("WATCHDOG_PID")
    if meant is not None and meant != str(pid):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    usec = int(text) if text.isascii() and text.isdecimal() else 0
    return usec / USEC if usec else None


def adopt(environ: MutableMapping[str, str], pid: int) -> None:
    """In the environment of a supervisor that takes over from another: the watchdog is now about `pid`."""
    if "WATCHDOG_PID" in environ:
        environ["WATCHDOG_PID"] = str(pid)


def _address(text: str) -> str | None:
    """@NAME is abstract. What else there may be, vsock:CID:PORT of virtual machines, is not for processes like us."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _line(text: str) -> str:
    return " ".join(text.splitlines())
