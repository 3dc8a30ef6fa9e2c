"""Find the application that a spec names: `module`, `module:attribute`, `module:factory(arguments)`.

Importing runs the user's code, so this is called in a worker (or in the child that `tonnage check` makes), never in the
supervisor. Arguments of a factory are Python literals; nothing else is evaluated.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import Literal

from tonnage.app.frames import is_bare
from tonnage.errors import AppLoadError, BootError
from tonnage.hooks import accepts

DEFAULT_NAMES = ("application", "app")
FACTORY_NAMES = ("create_app", "make_app")
Application = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Spec:
    module: str
    name: str | None = None  # None: one of DEFAULT_NAMES
    args: tuple[object, ...] = ()
    kwargs: tuple[tuple[str, object], ...] = ()
    called: bool = False  # it is a factory


@dataclass(frozen=True, slots=True)
class LoadedApp:
    call: Application
    kind: Literal["wsgi", "asgi"]


def parse_spec(text: str) -> Spec:
    """Raises AppLoadError when `text` is not of one of the three forms."""
    module, colon, rest = text.partition(":")
    if not module or (colon and not rest):
        raise AppLoadError(f"{text!r} is not MODULE, MODULE:NAME or MODULE:FACTORY(ARGUMENTS)")
    if module.endswith(".py") or "/" in module:
        name = module.removesuffix(".py").strip("./").replace("/", ".")
        raise AppLoadError(f"{text!r} names a file; name the module instead: {name}{colon}{rest}")
    if not rest:
        return Spec(module)
    try:
        node = ast.parse(rest, mode="eval").body
    except SyntaxError:
        raise AppLoadError(f"{rest!r} (in {text!r}) is neither a name nor a call like create_app('prod')") from None
    if isinstance(node, ast.Name):
        return Spec(module, node.id)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise AppLoadError(f"{rest!r} (in {text!r}) must be a name of the module {module}, or a call of one")
    try:
        args = tuple(ast.literal_eval(arg) for arg in node.args)
        kwargs = tuple((str(word.arg), ast.literal_eval(word.value)) for word in node.keywords)
    except ValueError:
        raise AppLoadError(f"the arguments in {rest!r} must be literals (numbers, strings, lists, True...)") from None
    return Spec(module, node.func.id, args, kwargs, called=True)


def load_app(text: str, paths: list[str]) -> LoadedApp:
    """Import the application; `paths` are put at the head of sys.path, in their order.

    Raises BootError when importing raised (the cause is kept), AppLoadError when what was imported is no application.
    """
    spec = parse_spec(text)
    for path in reversed(paths):
        if path not in sys.path:
            sys.path.insert(0, path)
    module = _imported(spec)
    call = _named(module, spec)
    if spec.called:
        call = _made(call, spec, text)
    if not callable(call):
        raise AppLoadError(f"{spec.module}:{spec.name} is a {type(call).__name__}, which cannot be called")
    return LoadedApp(call, "asgi" if is_asgi(call) else "wsgi")


def is_asgi(call: Application) -> bool:
    """ASGI 3: a coroutine function, an object with such a `__call__`, a class that is awaited; or what takes three
    arguments and not WSGI's two, such as a plain function that returns another application's coroutine.
    """
    if inspect.isclass(call):
        return hasattr(call, "__await__")
    if accepts(call, 3) and not accepts(call, 2):
        return True
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004 - the method itself is asked, not whether there is one


def _imported(spec: Spec) -> ModuleType:
    try:
        return importlib.import_module(spec.module)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # sys.exit() in a module is a failed import like any other
        problem = _import_problem(spec, exc)
        if isinstance(exc, ModuleNotFoundError) and is_bare(exc):
            raise BootError(problem) from None
        raise BootError(problem) from exc


def _import_problem(spec: Spec, exc: BaseException) -> str:
    parts = spec.module.split(".")
    wanted = {".".join(parts[: i + 1]) for i in range(len(parts))}
    if isinstance(exc, ModuleNotFoundError) and exc.name in wanted:
        above, _, name = spec.module.rpartition(".")
        if hasattr(sys.modules.get(above), name):
            return f"{spec.module!r} is no module, but {above!r} defines {name!r}; did you mean {above}:{name}?"
        where = ", ".join(path or "." for path in sys.path[:3])
        return (
            f"there is no module {exc.name!r} (looked for {spec.module!r} first in {where}). "
            f"Start from the project's directory, or name it with --chdir or --pythonpath."
        )
    last = traceback.extract_tb(exc.__traceback__)
    at = f" at {last[-1].filename}:{last[-1].lineno}" if last else ""
    return f"importing {spec.module!r} raised {type(exc).__name__}: {exc}{at}"


def _named(module: ModuleType, spec: Spec) -> Application:
    for name in (spec.name,) if spec.name else DEFAULT_NAMES:
        if hasattr(module, name):
            found: Application = getattr(module, name)
            return found
    where = getattr(module, "__file__", None) or f"the package {module.__name__}"
    wanted = repr(spec.name) if spec.name else " or ".join(repr(name) for name in DEFAULT_NAMES)
    raise AppLoadError(f"{where} defines no {wanted}{_instead(module, spec)}")


def _instead(module: ModuleType, spec: Spec) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) != "builtins"
    ]
    near = get_close_matches(spec.name, names, n=1) if spec.name else []
    near = near or [name for name in FACTORY_NAMES if name in names and not spec.name]
    if near:
        call = "()" if near[0] in FACTORY_NAMES else ""
        return f"; did you mean {spec.module}:{near[0]}{call}?"
    return f"; it defines {', '.join(names[:12])}" if names else "; it defines nothing that can be called"


def _made(factory: Application, spec: Spec, text: str) -> Application:
    if not callable(factory):
        raise AppLoadError(f"{spec.module}:{spec.name} is a {type(factory).__name__}, which cannot be called")
    try:
        inspect.signature(factory).bind(*spec.args, **dict(spec.kwargs))
    except TypeError as exc:
        raise AppLoadError(f"{text}: {spec.name} does not take these arguments: {exc}") from None
    except ValueError:
        pass  # a builtin without a signature: calling it will tell
    try:
        made = factory(*spec.args, **dict(spec.kwargs))
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        raise BootError(f"{text} raised {type(exc).__name__}: {exc}") from exc
    if not callable(made):
        raise AppLoadError(f"{text} returned {type(made).__name__}, which is no application")
    result: Application = made
    return result
