"""Where control sockets are, for the server that makes one and for who looks for it.

One file per supervisor, called by its pid, in a directory that nobody else may write to: two servers never take the
socket from each other, and nobody can put a false one in its place.

Where nothing can be written, as in a read-only container, it is an abstract socket instead (unix(7)): a name, shown as
@NAME, that everybody in the same network namespace can connect to. There both sides ask the kernel who the other is.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

SUFFIX = ".ctl"
ABSTRACT = "@tonnage-"
HEIR = ".2"  # as Gunicorn calls the pid file of a new supervisor while the old one lives


def for_server(pid: int, uid: int, environ: Mapping[str, str], root: Path = Path("/")) -> tuple[Path, ...]:
    """Paths to try, the best first."""
    return tuple(each / f"{pid}{SUFFIX}" for each in _own(uid, environ, root))


def abstract(pid: int, uid: int) -> Path:
    """For where there is no directory to write to."""
    return Path(f"{ABSTRACT}{uid}-{pid}")


def address(path: Path) -> str:
    """As for connect(2) and bind(2)."""
    text = str(path)
    return f"\0{text[1:]}" if text.startswith("@") else text


def may_answer(path: Path, uid: int, peer: int) -> bool:
    """Whether who listens at an abstract name, user `peer`, may be believed by `uid`: anybody may take any name."""
    owner = path.name.removeprefix(ABSTRACT).partition("-")[0]
    return peer in (0, uid) or (uid == 0 and owner == str(peer))


def _own(uid: int, environ: Mapping[str, str], root: Path) -> list[Path]:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = [root / "run/tonnage"] if uid == 0 else []  # before root's XDG_RUNTIME_DIR, which is gone after a log-out
    if runtime.startswith("/"):
        places.append(root / runtime[1:] / "tonnage")
    return [*places, root / f"tmp/tonnage-{uid}"]


def prepare(directory: Path) -> None:
    """Make the directory if need be. Raises OSError when it cannot be made, or is not ours alone."""
    directory.mkdir(mode=0o700, exist_ok=True)
    if not is_safe(directory, os.geteuid()):
        raise PermissionError(0, "others may write there")
    for path in directory.glob(f"*{SUFFIX}"):
        if path.stem.isdecimal() and _is_left_over(path):
            path.unlink(missing_ok=True)


def _is_left_over(path: Path) -> bool:
    """Its server was killed. Both signs, for a pid may be another namespace's, and a socket not yet listening."""
    try:
        os.kill(int(path.stem), 0)
    except (ProcessLookupError, OverflowError):
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.setblocking(False)
            return probe.connect_ex(str(path)) == errno.ECONNREFUSED
    except PermissionError:
        pass
    return False


def is_safe(directory: Path, uid: int) -> bool:
    """Whether only this user, or root, can have put something there."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid in (0, uid) and not found.st_mode & 0o022


def find(uid: int, environ: Mapping[str, str], root: Path = Path("/")) -> dict[int, Path]:
    """Sockets of this user's servers by pid, of everybody's for root. They may be stale."""
    found: dict[int, Path] = {}
    for directory, owner in _all(uid, environ, root):
        if is_safe(directory, owner):
            for path in sorted(directory.glob(f"*{SUFFIX}")):
                if path.stem.isdecimal() and path.is_socket():
                    found.setdefault(int(path.stem), path)
    for path, owner in _abstract(root):
        if uid in (0, owner):
            found.setdefault(int(path.name.rpartition("-")[2]), path)
    return found


def _abstract(root: Path) -> Iterator[tuple[Path, int]]:
    """All such names in this network namespace, and whose they say to be."""
    with suppress(OSError):  # no Linux
        for line in (root / "proc/net/unix").read_bytes().splitlines():
            name = line.rpartition(b" ")[2].decode("ascii", "replace")
            owner, _, pid = name.removeprefix(ABSTRACT).partition("-")
            if name.startswith(ABSTRACT) and owner.isdecimal() and pid.isdecimal():
                yield Path(name), int(owner)


def _all(uid: int, environ: Mapping[str, str], root: Path) -> Iterator[tuple[Path, int]]:
    """Directories and who they must belong to. A server may have another XDG_RUNTIME_DIR than who looks for it."""
    for directory in (*_own(uid, environ, root), root / f"run/user/{uid}/tonnage"):
        yield directory, uid
    if uid == 0:
        for directory in root.glob("run/user/*/tonnage"):
            yield directory, _number(directory.parent.name)
        for directory in root.glob("tmp/tonnage-*"):
            yield directory, _number(directory.name.removeprefix("tonnage-"))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
