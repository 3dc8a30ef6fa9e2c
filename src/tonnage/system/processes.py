"""Forking, reaping, naming and waiting for processes. Only processes that are our own children are ever signalled."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
COMM_LENGTH = 15  # TASK_COMM_LEN - 1, proc_pid_comm(5)


def reap(pid: int) -> int | None:
    """The exit code of our child when it is dead, negative for a signal; None while it lives."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # reaped behind our back, by a hook that waits for any child: how it died is lost
        return 255
    return os.waitstatus_to_exitcode(status) if found else None


def reap_strangers() -> Iterator[tuple[int, int]]:
    """Whoever else is dead: (pid, exit code). A subreaper inherits the children of its dead descendants."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def become_subreaper() -> bool:
    """Whose parent dies, of our descendants, becomes our child: prctl(2), Linux only. Not inherited by a fork."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int, number: int) -> None:
    """Get this signal when the thread that forked us is gone; prctl(2), Linux only. It outlives an exec, not a fork."""
    _prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # gone already
        signal.raise_signal(number)


def _prctl(option: int, value: int) -> bool:
    import ctypes  # noqa: PLC0415  # 1 MB, for servers that preload

    try:
        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):  # no such function in this libc
        return False


def end_with_reader(pipe: int) -> None:
    """Until `outlive_reader`, the kernel kills us when nobody holds the other end of this pipe any more.

    For the time in which foreign code has the main thread, may sleep in C, and looks at nothing of ours. The pipe tells
    by a signal of our choice (F_SETSIG of fcntl(2)), and does so too when it is read: not before we are dead. Why not
    PR_SET_PDEATHSIG: it means the thread that forked us, a zygote perhaps, setuid() clears it, and ctypes takes 1 MB.
    """
    if not hasattr(fcntl, "F_SETSIG"):  # not Linux: who hangs while it loads stays until somebody kills it
        return
    try:
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:  # a sandbox that is Linux in most things: the same
        return
    poll = select.poll()
    poll.register(pipe, 0)
    if poll.poll(0):  # POLLERR: it has gone before
        os.kill(os.getpid(), signal.SIGKILL)


def outlive_reader(pipe: int) -> None:
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) & ~os.O_ASYNC)


def tell(pid: int, number: int) -> None:
    """Signal our child. Until it is reaped its pid cannot belong to anybody else."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def how_it_ended(code: int) -> str:
    """`exited with code 3`, `was killed by SIGSEGV`, for an exit code as from `reap`."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def wait_gone(pids: Collection[int], timeout_s: float) -> list[int]:
    """Wait until our children are dead; those that still live after `timeout_s`. Reaps nothing.

    By pidfd, Linux 5.3 and later; elsewhere it does not wait, and answers with all of them.
    """
    if not hasattr(os, "pidfd_open"):
        return list(pids)
    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack:
        poll, left = select.poll(), {}
        for pid in pids:
            with suppress(ProcessLookupError):
                fd = os.pidfd_open(pid)
                stack.callback(os.close, fd)
                poll.register(fd, select.POLLIN)
                left[fd] = pid
        while left and (remaining_s := deadline - time.monotonic()) > 0:
            for fd, _ in poll.poll(remaining_s * 1000):
                poll.unregister(fd)
                del left[fd]
        return list(left.values())


def end(pids: Collection[int], timeout_s: float) -> None:
    """SIGTERM, SIGKILL for those that need longer than `timeout_s`; afterwards none is left, not even a zombie."""
    for pid in pids:
        tell(pid, signal.SIGTERM)
    for pid in wait_gone(pids, timeout_s):
        tell(pid, signal.SIGKILL)
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def set_title(role: str, name: str) -> None:
    """What ps and top show: `tonnage: worker [name]`; without the setproctitle package only top's short name."""
    try:
        from setproctitle import setproctitle  # noqa: PLC0415  # optional
    except ImportError:
        with suppress(OSError):  # not Linux, or /proc is not mounted: the title is a courtesy
            Path("/proc/self/comm").write_text(f"tonnage-{role}"[:COMM_LENGTH])
    else:
        setproctitle(f"tonnage: {role} [{name}]")


def family(pid: int, proc: Path = Path("/proc")) -> Iterator[int]:
    """It, its children, and theirs."""
    yield pid
    with suppress(OSError):  # gone, or a kernel without CONFIG_PROC_CHILDREN
        for child in (proc / str(pid) / "task" / str(pid) / "children").read_text().split():
            yield from family(int(child), proc)
