"""Which event loop: uvloop where it is installed, unless the settings say otherwise."""

from __future__ import annotations

import asyncio
from typing import Literal

from tonnage.errors import BootError


def new_loop(name: Literal["auto", "asyncio", "uvloop"]) -> asyncio.AbstractEventLoop:
    """The loop of this thread. Raises BootError when uvloop was asked for and is not there."""
    if name == "asyncio":
        loop = asyncio.new_event_loop()
    else:
        try:
            import uvloop  # noqa: PLC0415 - only who serves ASGI needs it, and may do without
        except ImportError as exc:
            if name == "uvloop":
                raise BootError("--asgi-loop uvloop needs the package uvloop: pip install 'tonnage[asgi]'") from exc
            loop = asyncio.new_event_loop()
        else:
            loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop
