"""A real supervisor with workers that only act: run as a program, told by JSON what each worker is to do.

Everybody writes what happens to one pipe, a line each; end of file on it means that all processes are gone.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import json
import logging
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tonnage.config.values import Address, TcpAddress, UnixAddress
from tonnage.errors import ConfigError, TonnageError
from tonnage.hooks import Server, Worker
from tonnage.messages import BootFailed, Drain, Quit, Ready, ReopenLogs
from tonnage.supervisor import loop, start, upgrade
from tonnage.supervisor.facts import Fact, ScaleAsked
from tonnage.supervisor.orders import Order
from tonnage.supervisor.policy import step
from tonnage.supervisor.settings import Hooks, Release, Settings
from tonnage.supervisor.state import State
from tonnage.system.listeners import Listener, open_listeners
from tonnage.system.processes import outlive_reader
from tonnage.system.scoreboard import Cell, Scoreboard
from tonnage.system.seat import Seat
from tonnage.system.signals import WakeUp

SCRIPT = json.loads(sys.argv[1]) if __name__ == "__main__" else {}


def tell(what: str, age: int = 0) -> None:
    line = json.dumps({"what": what, "age": age, "pid": os.getpid()}) + "\n"
    os.write(SCRIPT["events"], line.encode())


def work(seat: Seat) -> int:
    tell("boot" if seat.scoreboard.read(seat.slot).pid == 0 else "boot in a dirty slot", seat.age)
    parts = SCRIPT["parts"]
    act = ACTS[parts.get(str(seat.age), parts.get("rest", "serve"))]
    seat.scoreboard.slot(seat.slot).cells[Cell.PID] = os.getpid()
    return act(seat)


def get_ready(seat: Seat) -> None:
    outlive_reader(seat.stacks)
    seat.channel.send(Ready(os.getpid()))


def serve(seat: Seat) -> int:
    with_signals = WakeUp([signal.SIGTERM, signal.SIGINT])
    get_ready(seat)
    tell("ready", seat.age)
    while True:
        if with_signals.fileno() in select.select([seat.channel.fileno(), with_signals.fileno()], [], [])[0]:
            tell("signalled", seat.age)
            return 0
        try:
            message = seat.channel.receive()
        except EOFError:
            tell("orphaned", seat.age)
            return 0
        tell(type(message).__name__, seat.age)
        if isinstance(message, Drain | Quit):
            return 0
        assert isinstance(message, ReopenLogs)


def heed_nothing(seat: Seat) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    get_ready(seat)
    tell("ready", seat.age)


def stubborn(seat: Seat) -> int:
    heed_nothing(seat)
    while True:
        signal.pause()


def flood(seat: Seat) -> int:
    """Heeds nothing, and says the same for as long as there is a supervisor."""
    heed_nothing(seat)
    while True:
        select.select([], [seat.channel.fileno()], [])
        seat.channel.send(Ready(os.getpid()))
        with contextlib.suppress(EOFError):
            seat.channel.receive()
            continue
        return 0


def hang(_seat: Seat) -> int:
    while True:
        signal.pause()


def fail(code: int) -> Callable[[Seat], int]:
    def act(seat: Seat) -> int:
        seat.channel.send(BootFailed(os.getpid(), code, "ImportError: no module named nope", "Traceback: line 1"))
        return code

    return act


def leave(_seat: Seat) -> int:
    sys.exit(1)


def stumble(_seat: Seat) -> int:
    raise RuntimeError("stumbled")


def babble(seat: Seat) -> int:
    for junk in (b"junk", b"[]", b"{}", b'{"kind": "Ready", "x": 1}', b"[" * 50_000):
        seat.channel._sock.send(junk)
    seat.channel.send(Quit())
    return serve(seat)


def register(seat: Seat) -> int:
    atexit.register(tell, "atexit", seat.age)
    return serve(seat)


ACTS: dict[str, Callable[[Seat], int]] = {
    "serve": serve, "stubborn": stubborn, "hang": hang, "fail3": fail(3), "fail4": fail(4), "leave": leave,
    "stumble": stumble, "babble": babble, "flood": flood, "register": register,
}  # fmt: skip


def buggy(state: State, fact: Fact, now: float) -> list[Order]:
    if isinstance(fact, ScaleAsked):
        raise ZeroDivisionError("a bug")
    return step(state, fact, now)


def hooks() -> Hooks:
    def server(name: str) -> Callable[[Server], object]:
        return lambda _server: tell(name)

    def pair(name: str) -> Callable[[Server, Worker], object]:
        return lambda _server, worker: tell(name, worker.age)

    def raising(_server: object, worker: Worker) -> object:
        raise LookupError(f"hook of {worker.age}")

    return Hooks(
        on_starting=server("on_starting"),
        on_reload=server("on_reload"),
        when_ready=server("when_ready"),
        nworkers_changed=lambda _server, new, old: tell(f"nworkers_changed {new} {old}"),
        pre_fork=raising if SCRIPT["raising"] == "pre_fork" else pair("pre_fork"),
        post_fork=raising if SCRIPT["raising"] == "post_fork" else pair("post_fork"),
        worker_exit=pair("worker_exit"),
        child_exit=pair("child_exit"),
        pre_exec=server("pre_exec"),
        on_exit=server("on_exit"),
    )


def fork_once_in_vain() -> None:
    fork = os.fork

    def in_vain() -> int:
        os.fork = fork
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    os.fork = in_vain


def main() -> int:
    logging.basicConfig(level="INFO", format="[%(process)d] [%(levelname)s] %(message)s", stream=sys.stderr)
    log = logging.getLogger("tonnage.error")
    directory = Path(SCRIPT["directory"])
    atexit.register(tell, "supervisor's atexit")
    if SCRIPT["forkless"]:
        fork_once_in_vain()
    if SCRIPT["buggy"]:
        loop.step = buggy  # type: ignore[attr-defined]

    try:
        environ = dict(os.environ)
        heirloom = upgrade.take(environ)
        command = upgrade.Command(tuple(sys.orig_argv[1:]), Path.cwd(), environ)
        return start.run(release(directory), lambda: reload(directory), command, log=log, heirloom=heirloom)
    except TonnageError as exc:
        log.error("%s", exc)  # as the command line shows it
        return exc.exit_code


def release(directory: Path, workers: int = 0, bake: float = 0.0) -> Release:
    def listen(addresses: Sequence[Address]) -> list[Listener]:
        return open_listeners(addresses, backlog=5)

    settings = Settings(
        workers=workers or SCRIPT["workers"],
        bake_s=bake,
        graceful_timeout_s=SCRIPT["grace"],
        boot_timeout_s=SCRIPT["boot"],
        boot_at_once=8,
        pidfile=directory / "pid",
        ready_fd=SCRIPT["ready_fd"],
    )
    return Release(
        settings,
        work,
        (TcpAddress("127.0.0.1", 0), UnixAddress(str(directory / "sock"))),
        listen,
        Scoreboard(16, 1),
        hooks() if SCRIPT["hooks"] else Hooks(),
        load=load if SCRIPT["preload"] else None,
        reopen_logs=lambda: tell("reopened"),
    )


def reload(directory: Path) -> Release:
    """What the settings say now: a JSON file, `{"error": ...}` or settings that have changed."""
    changed = json.loads((directory / "settings").read_text())
    if "error" in changed:
        raise ConfigError(changed["error"])
    return release(directory, **changed)


def load() -> None:
    tell("load")
    atexit.register(tell, "atexit of the application")


if __name__ == "__main__":
    sys.exit(main())
