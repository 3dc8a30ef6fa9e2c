"""A service manager, as far as it listens: what systemd would be told."""

import select
import socket
from pathlib import Path

from tests.live.server import PATIENCE_S


class Manager:
    """Its notify socket; each message is a dictionary."""

    def __init__(self, path: Path) -> None:
        self.environ = {"NOTIFY_SOCKET": str(path)}
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.sock.settimeout(PATIENCE_S)

    def hears(self, name: str) -> list[dict[str, str]]:
        """All messages up to the first that says it."""
        messages: list[dict[str, str]] = []
        while not messages or name not in messages[-1]:
            messages.append(dict(line.split("=", 1) for line in self.sock.recv(4096).decode().splitlines()))
        return messages

    def has_heard(self) -> set[str]:
        """What has come already, by name."""
        found: set[str] = set()
        while select.select([self.sock], [], [], 0)[0]:
            found |= {line.partition("=")[0] for line in self.sock.recv(4096).decode().splitlines()}
        return found
