"""Configuration files: Python, TOML or a module, as the settings they name.

A Python file is executed and may hold any helper name; a TOML file holds settings only. What a file raises is told as
one line with its place, since the traceback of a configuration file is mostly ours.
"""

from __future__ import annotations

import ast
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tonnage.config.model import SPECS
from tonnage.config.resolve import Given, flag_like, near_miss
from tonnage.errors import ConfigError

MODULE = "__config__"  # Gunicorn's name for it
USUAL = ("gunicorn.conf.py", "tonnage.toml", "pyproject.toml")


@dataclass(frozen=True)
class Read:
    given: Mapping[str, Given]
    warnings: tuple[str, ...] = ()
    path: Path | None = None


def read(named: str | None, cwd: Path) -> Read:
    """The named file, or the first usual one that is there and has settings."""
    if named is not None:
        if named.startswith("python:"):
            return _module(named.removeprefix("python:"))
        return _file(cwd / named.removeprefix("file:"), named.removeprefix("file:"))
    found = [cwd / name for name in USUAL if _is_ours(cwd / name)]
    if not found:
        return Read({})
    result = _file(found[0], found[0].name)
    unread = tuple(f"{path.name} is not read, because {found[0].name} is there" for path in found[1:])
    return Read(result.given, result.warnings + unread, found[0])


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    return path.name != "pyproject.toml" or "tonnage" in _parsed(path, path.name).get("tool", {})


def _file(path: Path, label: str) -> Read:
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise ConfigError(f"{label}, the configuration file, {what}; looked for {path.absolute()}")
    return _toml(path, label) if path.suffix == ".toml" else _python(path, label)


def _toml(path: Path, label: str) -> Read:
    table: Mapping[str, object] = _parsed(path, label)
    if path.name == "pyproject.toml":
        tool = table.get("tool", {})
        table = tool.get("tonnage", {}) if isinstance(tool, dict) else {}
    places = _toml_lines(path.read_text(encoding="utf-8"))
    for name in table:
        if name not in SPECS:
            near = near_miss(name)
            hint = _meant(name, near) if near else "see `tonnage settings` for those there are"
            raise ConfigError(f"{label}{_line(places, name)}: {name} is not a setting; {hint}")
    return Read(_named(table, label, places), path=path)


def _parsed(path: Path, label: str) -> dict[str, dict[str, object]]:
    import tomllib  # noqa: PLC0415  # 600 KB that would lie in every server, for a file that few have

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{label} cannot be read as TOML: {exc}") from exc


def _toml_lines(text: str) -> dict[str, int]:
    """A key's last line; good enough to be found by a reader, which is all it is for."""
    lines = enumerate(text.splitlines(), start=1)
    key = re.compile(r"\s*(?:\[(?:tool\.tonnage\.)?)?\"?([\w-]+)\"?\s*[=.\]]")  # key = ..., key.x = ..., [key]
    return {found[1]: number for number, line in lines if (found := key.match(line))}


def _python(path: Path, label: str) -> Read:
    before = sys.modules.get(MODULE)
    module = sys.modules[MODULE] = ModuleType(MODULE)  # what it defines is looked up by name, by dataclasses for one
    try:
        source = _execute(module, path, label)
    except ConfigError:
        del sys.modules[MODULE]
        if before is not None:
            sys.modules[MODULE] = before
        raise
    return _namespace(vars(module), label, _python_lines(source), path)


def _execute(module: ModuleType, path: Path, label: str) -> bytes:
    """Its source."""
    module.__file__ = str(path)
    try:
        source = path.read_bytes()
        code = compile(source, str(path), "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102  # a Gunicorn configuration file is a program
    except SyntaxError as exc:
        own = exc.filename == str(path)
        place = f"{label}:{exc.lineno}" if own else f"{label}: {exc.filename}:{exc.lineno}"
        raise ConfigError(f"{place}: {type(exc).__name__}: {exc.msg}{_quoted(exc.text)}") from exc
    except (Exception, SystemExit) as exc:
        raise ConfigError(_raised(exc, path, label)) from exc
    return source


def _module(name: str) -> Read:
    label = f"python:{name}"
    try:
        module = import_module(name)
    except (Exception, SystemExit) as exc:
        raise ConfigError(f"{label} cannot be imported: {type(exc).__name__}: {exc}") from exc
    path = Path(module.__file__) if module.__file__ else None
    places = _python_lines(path.read_bytes()) if path and path.suffix == ".py" else {}
    return _namespace(vars(module), label, places, path)


def _namespace(names: Mapping[str, object], label: str, places: Mapping[str, int], path: Path | None) -> Read:
    odd = [name for name in names if name in places and name not in SPECS and not name.startswith("_")]
    warnings = [
        f"{label}{_line(places, name)}: {name} is not a setting; {_meant(name, near)}{NO_HARM * bool(flag_like(name))}"
        for name in odd
        if (near := near_miss(name)) and near not in names
    ]
    return Read(_named(names, label, places), tuple(warnings), path)


NO_HARM = ". If it is a variable of your own, nothing is wrong"


def _meant(name: str, near: str) -> str:
    flag = flag_like(name)
    return f"the key of {flag} is {near}" if flag else f"did you mean {near}?"


def _named(names: Mapping[str, object], label: str, places: Mapping[str, int]) -> dict[str, Given]:
    """None is what `os.environ.get` left of a variable that is not set: the file then does not say."""
    known: Iterable[str] = (name for name in SPECS if names.get(name) is not None)
    return {name: Given(names[name], f"{label}{_line(places, name)}") for name in known}


def _line(places: Mapping[str, int], name: str) -> str:
    return f":{places[name]}" if name in places else ""


def _python_lines(source: bytes) -> dict[str, int]:
    """The last line that binds each name of the module, and so where a reader should look for the value.

    Not of what the file itself reads and is no setting: that is a variable of its own.
    """
    places: dict[str, int] = {}
    tree = ast.parse(source)
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ):  # what is inside is not the module's
            places[node.name] = max(node.lineno, places.get(node.name, 0))
        else:
            nodes += ast.iter_child_nodes(node)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                places[node.id] = max(node.lineno, places.get(node.id, 0))
    return {name: line for name, line in places.items() if name in SPECS or name not in own}


def _raised(exc: BaseException, path: Path, label: str) -> str:
    """The place in the file, and what was raised, on one line."""
    frames = [frame for frame in traceback.extract_tb(exc.__traceback__) if frame.filename == str(path)]
    place = f"{label}:{frames[-1].lineno}" if frames else label
    text = "".join(traceback.format_exception_only(exc)).strip().splitlines()[-1]
    return f"{place}: {text}{_quoted(frames[-1].line if frames else None)}"


def _quoted(line: str | None) -> str:
    return f", in: {line.strip()}" if line and line.strip() else ""


def make_importable(*directories: str) -> None:
    """Configuration files import their neighbours, and hooks are named by module."""
    for directory in reversed(directories):
        if directory not in sys.path:
            sys.path.insert(0, directory)
