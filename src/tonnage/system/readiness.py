"""Tell who started us that we serve: lines on a file descriptor they have left us, then end of file.

s6's notification-fd, and what the tests wait for instead of sleeping.
"""

from __future__ import annotations

import os
from collections.abc import Iterable


class Readiness:
    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def announce(self, lines: Iterable[str]) -> None:
        """Raises OSError when nobody can be told."""
        if self._fd is None:
            return
        try:
            os.write(self._fd, "".join(line + "\n" for line in lines).encode())
        finally:
            self.close()

    def close(self) -> None:
        """End of file without a line before it: it never came to that."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)
