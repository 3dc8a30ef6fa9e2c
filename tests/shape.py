"""The size limits are a test, so nobody has to argue about them in review."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES = 400
FUNCTION_LINES = 60

# Name, as a failure prints it -> why it may be bigger. Empty is the wish.
EXCEPTIONS: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Size:
    name: str  # path from the root, or path:function
    lines: int
    limit: int


def sizes(root: Path) -> Iterator[Size]:
    for path in sorted(file for part in ("src", "tests") for file in (root / part).rglob("*.py")):
        source, name = path.read_text(), str(path.relative_to(root))
        yield Size(name, source.count("\n"), FILE_LINES)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield Size(f"{name}:{node.name}", node.end_lineno - node.lineno + 1, FUNCTION_LINES)


def test_no_file_and_no_function_is_too_big() -> None:
    assert [size for size in sizes(ROOT) if size.lines > size.limit and size.name not in EXCEPTIONS] == []


def test_no_exception_is_kept_that_nothing_needs() -> None:
    assert EXCEPTIONS.keys() <= {size.name for size in sizes(ROOT) if size.lines > size.limit}


def builds_with(name: str) -> tuple[str, ...]:
    """A constant of hatch_build.py, which imports what only a build has."""
    assignment = next(
        node
        for node in ast.parse((ROOT / "hatch_build.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    found: tuple[str, ...] = ast.literal_eval(assignment.value)
    return found


def compiled() -> list[Path]:
    return [ROOT / "src" / "tonnage" / name for name in builds_with("COMPILED")]


def test_no_compiled_module_has_a_slice_that_calls_something() -> None:
    """Version 2.4 of mypyc makes such a call twice; len() may be called twice."""
    found = [
        f"{path.name}:{node.lineno}"
        for path in compiled()
        for piece in ast.walk(ast.parse(path.read_text()))
        if isinstance(piece, ast.Slice)
        for node in ast.walk(piece)
        if isinstance(node, ast.Call) and ast.unparse(node.func) != "len"
    ]
    assert found == []


def test_it_is_compiled_where_no_package_of_anybody_else_is_installed(tmp_path: Path) -> None:
    alone = ["--no-site-packages", "--config-file=", f"--cache-dir={tmp_path}"]
    command = [sys.executable, "-m", "mypy", *alone, *builds_with("FLAGS"), *map(str, compiled())]
    found = subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
