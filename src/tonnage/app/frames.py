"""Stacks and tracebacks as the application's author wants them: without the frames that only lead to it."""

from __future__ import annotations

import threading
import traceback
from pathlib import Path
from types import FrameType

OURS = (str(Path(__file__).resolve().parents[1]), "tonnage/")  # the second: as compiled modules name themselves
BOOTSTRAP = {threading.__file__}  # below a thread's stack; compiled functions leave no frame above it
MACHINERY = ("<frozen importlib", "<frozen runpy>")


def format_stack(frame: FrameType, most: int = 30) -> str:
    """The innermost `most` frames that the application put on top of ours."""
    frames = _without_the_way_there(traceback.extract_stack(frame))[-most:]
    return "".join(traceback.StackSummary.from_list(frames).format())


def format_exception(exc: BaseException) -> str:
    """With its causes; the frames of the import machinery and ours, which come first, are left out of its own part."""
    described = traceback.TracebackException.from_exception(exc)
    described.stack = _without_the_way_there(described.stack)
    return "".join(described.format())


def is_bare(exc: BaseException) -> bool:
    """Raised on the way to the application: no line of anybody else had run."""
    return not _beyond_the_way_there(traceback.extract_tb(exc.__traceback__))


def _without_the_way_there(stack: traceback.StackSummary) -> traceback.StackSummary:
    return traceback.StackSummary.from_list(_beyond_the_way_there(stack) or stack)


def _beyond_the_way_there(stack: traceback.StackSummary) -> list[traceback.FrameSummary]:
    ours = [i for i, frame in enumerate(stack) if frame.filename.startswith(OURS) or frame.filename in BOOTSTRAP]
    start = ours[-1] + 1 if ours else 0
    while start < len(stack) and stack[start].filename.startswith(MACHINERY):
        start += 1
    while start < len(stack) and Path(stack[start].filename).match("importlib/__init__.py"):
        start += 1
        while start < len(stack) and stack[start].filename.startswith(MACHINERY):
            start += 1
    return stack[start:]
