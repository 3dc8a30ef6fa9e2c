"""A server for nobody but us: the real command with the user's settings, on a Unix socket in a directory of its own.

What would meet the world, or the server that runs already, is set aside: addresses (the listener is handed over as
systemd would), the admin address, pid file, daemon, TLS, log files, recycling, the service manager. All else is as the
settings have it, hooks and user included, since the measured thing has to be the real one.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tonnage.config.sources import Loaded
from tonnage.config.values import Address, UnixAddress
from tonnage.control.client import Client
from tonnage.control.overview import Overview, WorkerView
from tonnage.control.requests import Scale, Status
from tonnage.errors import BootError, ConfigError, MeasureError
from tonnage.system.listeners import close_listeners, open_listeners

LOOK_S = 0.02  # between two looks at what is waited for
END_S = 10.0
SETTLE_S = 60.0
BACKLOG = 128
ABOVE = 10  # descriptors that are passed on stay clear of the one that systemd's protocol wants
LAST_LINES = 12

# systemd's protocol wants the listener as descriptor 3, and the pid of the process that execs. A command that is killed
# ends nothing any more: the kernel does.
TRAMPOLINE = """
import os, signal, sys
from tonnage.system.processes import end_with_parent
end_with_parent(int(sys.argv[2]), signal.SIGTERM)
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "private"}
os.execv(sys.executable, [sys.executable, "-m", "tonnage", "serve", *sys.argv[3:]])
"""
NOT_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
SET_ASIDE = [
    *("--admin-bind", "", "--pid", "", "--no-daemon", "--no-reload", "--certfile", "", "--keyfile", ""),
    *("--proxy-protocol", "off", "--statsd-host", "", "--no-log-syslog"),
    *("--log-config", "", "--log-config-json", "", "--log-config-dict", "{}"),
    *("--min-workers", "1", "--max-workers", "0", "--max-requests", "0", "--max-worker-lifetime", "0"),
    *("--max-worker-memory", "0", "--drain-delay", "0", "--graceful-timeout", "5"),
]


@dataclass(slots=True)
class Private:
    """One that runs."""

    process: subprocess.Popen[bytes]
    path: Path  # where it listens
    control: Path
    log: Path
    booted_s: float  # what the first worker, or the zygote, took from its start until a worker was ready

    def last_lines(self) -> str:
        return last_lines(self.log)

    def look(self) -> Overview:
        with Client(self.control) as client:
            return next(each for each in client.ask(Status()) if isinstance(each, Overview))

    def workers(self) -> list[WorkerView]:
        return [worker for worker in self.look().workers if worker.state == "ready"]

    def others(self) -> list[int]:
        """Supervisor, and zygote if there is one."""
        workers = {worker.pid for worker in self.look().workers}
        return [self.process.pid, *(pid for pid in children(self.process.pid) if pid not in workers)]

    def scale(self, workers: int) -> None:
        """Returns when so many are ready and nobody else is left. Raises MeasureError."""
        by = workers - self.look().want
        with Client(self.control) as client:
            for _ in client.ask(Scale(by)):
                pass
        self.wait(lambda seen: seen.ready == workers == len(seen.workers))

    def wait(self, fits: Callable[[Overview], bool], patience_s: float = SETTLE_S) -> None:
        """Raises MeasureError."""
        deadline = time.monotonic() + patience_s
        while not fits(self.look()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise MeasureError(f"the server has not come to rest within {patience_s:g} s.\n{self.last_lines()}")
            time.sleep(LOOK_S)


@contextmanager
def private(loaded: Loaded, *extra: str, app: str | None = None) -> Iterator[Private]:
    """With one worker; `app` is served instead of the user's. Raises ConfigError, MeasureError, BootError."""
    if loaded.config.control_socket_disable and "--no-control-socket" not in loaded.argv:
        origin = loaded.origins["control_socket_disable"]
        raise ConfigError(f"what is measured is asked over its control socket, which {origin} switches off")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="tonnage-")))
        address = UnixAddress(str(directory / "sock"))
        argv = [
            *([app] if app is not None else []),
            *(word for word in loaded.argv if word != "--no-control-socket"),
            *SET_ASIDE,
            *("--workers", "1", "--control-socket", str(directory / "control"), "--log-file", str(directory / "log")),
            *(("--access-logfile", str(directory / "access")) if loaded.config.accesslog else ()),
            *extra,
        ]
        process, ready = _start(loaded, argv, address, directory, stack)
        booted_s = _wait(process, ready, loaded.config.boot_timeout, directory / "log")
        yield Private(process, Path(address.path), directory / "control", directory / "log", booted_s)


def _start(
    loaded: Loaded, argv: Sequence[str], address: Address, directory: Path, stack: ExitStack
) -> tuple[subprocess.Popen[bytes], int]:
    (listener,) = open_listeners([address], backlog=BACKLOG, umask=0o077)
    stack.callback(close_listeners, [listener], unlink=True)
    ready, tell = os.pipe()
    stack.callback(os.close, ready)
    fds = [_above(listener.sock), _above(tell)]
    os.close(tell)
    output = stack.enter_context((directory / "output").open("wb"))
    environ = {name: value for name, value in loaded.environ.items() if name not in NOT_OURS}
    try:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-c", TRAMPOLINE, str(fds[0]), str(os.getpid()), *argv, "--ready-fd", str(fds[1])],
            cwd=loaded.cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=fds,
            start_new_session=True,
        )
    finally:
        for fd in fds:
            os.close(fd)
    stack.callback(_end, process)
    return process, ready


def _above(of: int | socket.socket) -> int:
    return fcntl.fcntl(of, fcntl.F_DUPFD_CLOEXEC, ABOVE)


def _wait(process: subprocess.Popen[bytes], ready: int, patience_s: float, log: Path) -> float:
    answered = bool(select.select([ready], [], [], patience_s + END_S if patience_s else None)[0])
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    if not answered:
        raise MeasureError(f"no worker was ready within {patience_s:g} s (--boot-timeout)")
    if not os.read(ready, 65536):
        process.wait(END_S)
        raise BootError(f"the server that was to be measured has not come up.\n{last_lines(log)}")
    born = min((_born(pid) for pid in children(process.pid)), default=now)
    return max(0.0, now - born)


def _born(pid: int) -> float:
    """Seconds after the machine's start, to a hundredth: proc_pid_stat(5), field 22."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return int(text.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def last_lines(log: Path) -> str:
    files = [file for file in (log, log.with_name("output")) if file.exists()]
    text = "\n".join(file.read_text(errors="backslashreplace").rstrip() for file in files)
    return "\n".join(text.splitlines()[-LAST_LINES:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Gently, since an application may have something to finish; then not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
