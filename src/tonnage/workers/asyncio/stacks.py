"""Where a task waits: the coroutines it is in, outermost first."""

from __future__ import annotations

import traceback
from asyncio import Task
from collections.abc import Iterator
from types import CoroutineType, FrameType, GeneratorType

from tonnage.app.frames import OURS


def describe(task: Task[None] | None) -> str:
    if task is None:
        return "(it has no task)\n"
    frames = list(_frames(task.get_coro()))
    theirs = [frame for frame in frames if not frame.f_code.co_filename.startswith(OURS)] or frames
    summary = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in theirs)
    return "".join(summary.format())


def _frames(awaited: object) -> Iterator[FrameType]:
    while True:
        if isinstance(awaited, CoroutineType):
            frame, awaited = awaited.cr_frame, awaited.cr_await
        elif isinstance(awaited, GeneratorType):
            frame, awaited = awaited.gi_frame, awaited.gi_yieldfrom
        else:
            return  # a future, or what says nothing of itself
        if frame is not None:
            yield frame
