"""`tonnage top`: a running server on the whole screen, once a second, until `q`.

It only looks, through the control socket, as `tonnage status` does. Needs a terminal, and the package rich.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tonnage.cli import target
from tonnage.control.client import Client
from tonnage.errors import UsageError

EVERY_S = 1.0
END = (b"q", b"Q", b"\x03", b"")  # and the end of the input


def run(words: Sequence[str]) -> int:
    found = target.split(words)
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        raise UsageError("top needs a terminal that can be written anywhere; `tonnage status` prints the same once")
    try:
        import rich  # noqa: F401, PLC0415  # only top needs it
    except ImportError:
        raise UsageError("top needs the package rich: pip install 'tonnage[cli]'; or use `tonnage status`") from None
    client, _ = target.connect(found)
    with client:
        _show(client)
    return 0


def _show(client: Client) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    from tonnage.cli.screen import frame  # noqa: PLC0415

    console = Console()
    with _keys(), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(frame(target.look(client), console.height), refresh=True)
            if select.select([sys.stdin], [], [], EVERY_S)[0] and os.read(sys.stdin.fileno(), 1) in END:
                return


@contextmanager
def _keys() -> Iterator[None]:
    """As they are pressed, and not shown."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
