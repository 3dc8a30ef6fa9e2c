"""What the applications beside it stream: no framework has a say in how an asynchronous generator is written."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path


async def lines(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield f"piece {number}\n"


async def without_end() -> AsyncIterator[bytes]:
    """Until the client leaves; then the file `left` is there."""
    try:
        while True:
            yield b"x" * 1024
            await asyncio.sleep(0.01)
    finally:
        Path("left").write_text("yes")
