"""The pid file: one number and a newline, for who wants to signal the supervisor.

Is a file that is already there somebody's, or left over? The pid alone cannot say: pids are used again. Two proofs can:

1. We hold a POSIX record lock (fcntl) on ours while we live. It ends with the process, however that ends, and a fork
   does not inherit it, so workers that outlive a killed supervisor do not block the next one.
2. A program that takes no lock, such as Gunicorn, is believed when its pid is alive and it was started before the file
   was last written: whoever got the pid later cannot have written it. Without /proc a live pid is believed as it is.

The lock is lost when this process closes any descriptor of the file, so only `PidFile` opens it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from tonnage.errors import PidFileError

CLOCK_SLACK_S = 2.0  # /proc counts from the boot in hundredths, and the boot itself is rounded to a second
LARGEST_PID = 2**22  # PID_MAX_LIMIT on Linux; other systems stay far below it


class PidFile:
    """Raises PidFileError where the file cannot be had."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()  # a later chdir must not move it
        self._held: int | None = None

    def claim(self) -> None:
        """Write our pid, in one step: nobody ever reads half of it."""
        holder = holder_of(self.path)
        if holder is not None:
            raise PidFileError(
                f"pid file {self.path} belongs to process {holder}, which is running. "
                "Stop it first, or give this server another file with --pid."
            )
        try:
            self._write()
        except OSError as exc:
            raise PidFileError(
                f"cannot write pid file {self.path}: {exc.strerror}. Choose another with --pid."
            ) from exc

    def _write(self) -> None:
        fd, name = mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            os.write(fd, f"{os.getpid()}\n".encode())
            os.fchmod(fd, 0o644)
            with suppress(OSError):  # a file system without locks: the second proof is left
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Path(name).replace(self.path)
        except OSError:
            os.close(fd)
            Path(name).unlink(missing_ok=True)
            raise
        self._held = fd

    def promote(self, path: Path) -> None:
        """Under another name from now on; whoever had it is gone."""
        with suppress(OSError):  # its directory is read-only by now: the file is right, but not found
            self.path.replace(path)
            self.path = path

    def release(self) -> None:
        """Remove the file if it is still ours."""
        if self._held is None:
            return
        with suppress(OSError):  # somebody removed it, or made its directory read-only: it is not ours to repair
            if os.path.samestat(os.fstat(self._held), self.path.stat()):
                self.path.unlink()
        self.forget()

    def forget(self) -> None:
        """In a forked child: the file and its lock are the parent's."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def holder_of(path: Path) -> int | None:
    """The pid of the live process that the file speaks of, or None when it is missing, stale or nonsense."""
    try:
        with path.open("rb") as file:
            pid = _number(file.read(32))
            written = os.fstat(file.fileno()).st_mtime
            locked = _is_locked(file.fileno())
    except OSError:
        return None
    if pid is None or pid == os.getpid():
        return None
    return pid if locked or _could_have_written(pid, written) else None


def _number(text: bytes) -> int | None:
    text = text.strip()
    return int(text) if text.isdigit() and 0 < int(text) <= LARGEST_PID else None


def _is_locked(fd: int) -> bool:
    try:
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:  # a file system without locks
        return False
    return False


def _could_have_written(pid: int, written: float) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # alive, and somebody else's
        pass
    started = _started(pid)
    return started is None or started <= written + CLOCK_SLACK_S


def _started(pid: int) -> float | None:
    """When the process was started, in unix time; None where /proc does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        kernel = Path("/proc/stat").read_bytes()
    except OSError:
        return None
    ticks = int(stat.rpartition(b")")[2].split()[19])  # field 22, starttime: proc_pid_stat(5)
    boot = next(int(line.split()[1]) for line in kernel.splitlines() if line.startswith(b"btime "))
    return boot + ticks / os.sysconf("SC_CLK_TCK")
