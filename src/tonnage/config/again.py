"""Read the settings again, from where they came the first time, and say what has changed.

Python keeps every module that it has imported. What a configuration file had imported of the project (hooks, the
application's own settings) is therefore forgotten first: or else the new file would see the old code, and the workers,
which are forked from this process, would load the old code as well.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

from tonnage.config.model import SPECS, Config
from tonnage.config.show import shown
from tonnage.config.sources import Loaded, load
from tonnage.errors import ConfigError

# What a running server cannot change; it says so and goes on as it was.
FIXED = (
    "pidfile",
    "daemon",
    "ready_fd",
    "reuse_port",
    "control_socket",
    "control_socket_mode",
    "control_socket_disable",
    "admin_bind",
)


def load_again(before: Loaded) -> Loaded:
    """Raises ConfigError: then nothing has changed."""
    forgotten = dict(_of_the_project(before))
    for name in forgotten:
        del sys.modules[name]
    importlib.invalidate_caches()  # files may have come within the same second
    try:
        return _possible(load(before.argv, before.environ, before.cwd))
    except BaseException:
        sys.modules.update(forgotten)
        raise


def _possible(loaded: Loaded) -> Loaded:
    if loaded.obstacles:
        raise ConfigError("; ".join(loaded.obstacles))
    return loaded


def _of_the_project(loaded: Loaded) -> Iterator[tuple[str, ModuleType]]:
    """Modules whose file is in the project; a virtual environment inside of it is not the project's."""
    config = loaded.config
    roots = {Path(each).resolve() for each in (str(loaded.cwd), config.chdir, *config.pythonpath)}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name == "__main__" or name.partition(".")[0] == "tonnage":
            continue
        path = Path(file).resolve()
        if "site-packages" not in path.parts and any(path.is_relative_to(root) for root in roots):
            yield name, module


def changes(before: Loaded, after: Loaded) -> list[str]:
    """A line each, with where the new value comes from."""
    return [_change(name, before.config, after) for name in SPECS if _differ(name, before.config, after.config)]


def _change(name: str, old: Config, after: Loaded) -> str:
    was, now = getattr(old, name), getattr(after.config, name)
    text = f"{name} {shown(was)} -> {shown(now)} (from {after.origins[name]})"
    return f"{text}; that needs a restart, and has no effect yet" if name in FIXED else text


def _differ(name: str, old: Config, new: Config) -> bool:
    was, now = getattr(old, name), getattr(new, name)
    was, now = getattr(was, "__wrapped__", was), getattr(now, "__wrapped__", now)
    if isinstance(was, FunctionType) and isinstance(now, FunctionType):
        return was.__code__ != now.__code__  # the file was executed again, so it is another function, perhaps the same
    return bool(was != now)
