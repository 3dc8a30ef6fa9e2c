"""A task whose first step runs at once, not at the loop's next turn.

Most requests are answered in that step: they wait for nothing, so the loop need not be asked to call them back. It is a
real task all the same: current_task(), timeouts, task groups and context variables are as ever. Python 3.12 has this
built in; before, a new task hands its first step to `loop.call_soon`, and for that moment call_soon is ours.

Never call it inside another task: before 3.12 no task can enter a second one.
"""

from __future__ import annotations

import sys
from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Coroutine
from contextvars import Context

Start = Callable[[Coroutine[object, object, None]], "Task[None]"]


def starter(loop: AbstractEventLoop) -> Start:
    """For one loop, which must be running when a task is started."""
    if sys.version_info >= (3, 12):
        return lambda coroutine: Task(coroutine, loop=loop, eager_start=True)
    return _Capture(loop).start


class _Capture:
    """The first step of the task that is being made."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._attributes = vars(loop)
        self._catch = self._take
        self._step: Callable[[], object] = _nothing
        self._context: Context = Context()

    def start(self, coroutine: Coroutine[object, object, None]) -> Task[None]:
        attributes = self._attributes
        attributes["call_soon"] = self._catch
        try:
            task = Task(coroutine, loop=self._loop)
        finally:
            del attributes["call_soon"]
        self._context.run(self._step)
        self._step = _nothing  # it holds the task
        return task

    def _take(self, step: Callable[[], object], *, context: Context) -> None:
        self._step, self._context = step, context


def _nothing() -> None:
    """No task is being made."""
