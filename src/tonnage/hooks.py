"""The functions a configuration file may define, with Gunicorn's names and arguments, and what they are handed.

Hooks written for Gunicorn read a few attributes of its supervisor and worker objects. `Server` and `Worker` offer those
and nothing else: they are facts for the hook to read, not handles to steer by.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from logging import Logger

PARAMETERS: dict[str, tuple[str, ...]] = {
    "on_starting": ("server",),
    "on_reload": ("server",),
    "when_ready": ("server",),
    "pre_fork": ("server", "worker"),
    "post_fork": ("server", "worker"),
    "post_worker_init": ("worker",),
    "worker_int": ("worker",),
    "worker_abort": ("worker",),
    "pre_exec": ("server",),
    "pre_request": ("worker", "req"),
    "post_request": ("worker", "req", "environ", "resp"),
    "child_exit": ("server", "worker"),
    "worker_exit": ("server", "worker"),
    "nworkers_changed": ("server", "new_value", "old_value"),
    "on_exit": ("server",),
    "ssl_context": ("config", "default_ssl_context_factory"),
    "on_dirty_starting": ("arbiter",),
    "dirty_post_fork": ("arbiter", "worker"),
    "dirty_worker_init": ("worker",),
    "dirty_worker_exit": ("arbiter", "worker"),
}
SHORTEST = {"post_request": 2}  # its last two arguments came later, so older hooks take fewer


@dataclass(eq=False)
class Worker:
    """What a hook sees of one worker. `nr` and `alive` move while it serves."""

    age: int  # counts up over all workers ever started
    ppid: int  # the supervisor's pid
    cfg: object  # the Config
    log: Logger
    pid: int = 0  # 0 until it is forked
    nr: int = 0  # requests taken so far
    timeout: float = 0.0
    booted: bool = False
    alive: bool = True

    def __str__(self) -> str:
        return f"<Worker {self.pid}>"


@dataclass(eq=False)
class Server:
    """What a hook sees of the supervisor."""

    cfg: object  # the Config
    log: Logger
    pid: int
    address: tuple[str, ...]  # as logged: "127.0.0.1:8000", "unix:/run/app.sock"
    num_workers: int  # how many are wanted
    WORKERS: dict[int, Worker] = field(default_factory=dict)  # pid -> worker


ServerHook = Callable[[Server], object]
WorkerHook = Callable[[Worker], object]
PairHook = Callable[[Server, Worker], object]
CountHook = Callable[[Server, int, int | None], object]  # new, old; old is None the first time
RequestHook = Callable[[Worker, object], object]
ResponseHook = Callable[[Worker, object, Mapping[str, object], object], object]
ContextHook = Callable[[object, Callable[[], object]], object]  # returns an ssl.SSLContext
Hook = Callable[..., object]  # any of them, for who only passes it on


def accepts(function: Hook, count: int) -> bool:
    """Whether the function can be called with so many positional arguments."""
    try:
        inspect.signature(function, follow_wrapped=False).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature: only the call itself will tell
        return True
    return True


def find(dotted: str) -> object:
    """`package.module.name` or `package.module:name`, imported."""
    module, _, name = dotted.rpartition(":" if ":" in dotted else ".")
    if not module:
        raise ValueError(f"must be a function or 'module.function', not {dotted!r}")
    try:
        return getattr(import_module(module), name)
    except ImportError as exc:
        raise ValueError(f"names a module that cannot be imported ({exc})") from exc
    except AttributeError:
        raise ValueError(f"names {name!r}, which module {module!r} does not define") from None


def adapt(name: str, value: object) -> Hook | None:
    """The hook as the server calls it: always with every argument of PARAMETERS. Raises ValueError."""
    found = find(value) if isinstance(value, str) else value
    if found is None:
        return None
    if not callable(found):
        raise ValueError("must be a function")  # noqa: TRY004  # every refusal of a value is a ValueError
    parameters = PARAMETERS[name]
    for count in range(len(parameters), SHORTEST.get(name, len(parameters)) - 1, -1):
        if accepts(found, count):
            return found if count == len(parameters) else _first(found, count)
    raise ValueError(f"must accept {_counted(name)}: {', '.join(parameters)}")


def _first(function: Hook, count: int) -> Hook:
    def call(*arguments: object) -> object:
        return function(*arguments[:count])

    call.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps would, for who prints its name
    return call


def _counted(name: str) -> str:
    most = len(PARAMETERS[name])
    least = SHORTEST.get(name, most)
    return f"{most} argument{'s' * (most > 1)}" if least == most else f"{least} to {most} arguments"
