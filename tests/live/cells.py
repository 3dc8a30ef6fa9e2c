"""Control groups for tests; a machine without them skips."""

import contextlib
from collections.abc import Iterator

import pytest

from prove.cells import Cell, NoCellError
from prove.cells import cell as made


@contextlib.contextmanager
def cell(memory_mib: int, cpus: float | None = None) -> Iterator[Cell]:
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(made(memory_mib, cpus))
        except NoCellError as exc:
            pytest.skip(str(exc))
        yield found
