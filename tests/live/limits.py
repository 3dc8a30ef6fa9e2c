"""How many files this process, and what it starts meanwhile, may have open."""

import contextlib
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def open_files(most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def room_for(files: int) -> contextlib.AbstractContextManager[None]:
    """For so many at least, where the shell leaves less."""
    return open_files(max(resource.getrlimit(resource.RLIMIT_NOFILE)[0], files))
