"""`--daemon`: leave the terminal. The command returns when a worker is ready, or with the exit code of the failure.

One fork, not two: our parent can so learn the exit code. The second would only keep the server from getting a terminal
again by opening one, which it never does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace

from tonnage.config.sources import Loaded


def detach(loaded: Loaded, serve: Callable[[Loaded], int]) -> int:
    """Called once, returns twice: in the terminal's process, and at the end of the server's."""
    reading, writing = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pid = os.fork()
    if pid:
        os.close(writing)
        return _wait(pid, reading)
    os.close(reading)
    os.setsid()
    _leave(keep_output=loaded.config.enable_stdio_inheritance)
    if loaded.config.ready_fd is None:
        loaded = replace(loaded, config=replace(loaded.config, ready_fd=writing))
    else:  # somebody else waits to be told, so we do not
        os.write(writing, b"\n")
        os.close(writing)
    return serve(loaded)


def _wait(pid: int, reading: int) -> int:
    is_ready = bool(os.read(reading, 1))
    os.close(reading)
    if is_ready:
        return 0
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    hint = "what it had to say is in the file of --error-logfile"
    print(f"tonnage: it ended before a worker was ready (exit code {code}); {hint}", file=sys.stderr)
    return code if code >= 0 else 1


def _leave(*, keep_output: bool) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0,) if keep_output else (0, 1, 2):
        os.dup2(nothing, fd)
    if nothing > 2:
        os.close(nothing)
