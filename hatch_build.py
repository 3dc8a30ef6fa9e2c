"""Compile what every request passes through with mypyc if there is a C compiler; else the wheel is pure Python.

The source is the same, so is the behaviour; docs/explanation/decisions/0009 says why, and what it brings.
TONNAGE_PURE=1 asks for the pure wheel.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = Path("src", "tonnage")
COMPILED = (
    "app/asgi.py", "app/environ.py", "app/wsgi.py",
    "http/body.py", "http/connection.py", "http/fields.py", "http/framing.py", "http/grammar.py", "http/head.py",
    "http/limits.py", "http/reading.py", "http/state.py", "http/structure.py", "http/target.py", "http/write.py",
    "observe/access.py", "observe/atoms.py", "observe/common.py", "observe/dates.py", "observe/escape.py",
    "observe/exchange.py",
    "system/histogram.py", "system/scoreboard.py",
    "workers/asyncio/desk.py", "workers/asyncio/eager.py", "workers/asyncio/exchange.py",
    "workers/asyncio/protocol.py",
    "workers/client.py", "workers/clients.py", "workers/content.py", "workers/counts.py", "workers/desk.py",
    "workers/exchange.py", "workers/keepalive.py", "workers/line.py", "workers/output.py", "workers/pool.py",
    "workers/reception.py",
    "workers/threads.py", "workers/tls.py", "workers/witness.py",
)  # fmt: skip
FLAGS = ("--strict", "--follow-imports=silent")  # what we import may import packages that are not here
COMPILER = """
import sys
from mypyc.build import mypycify
from setuptools import setup
_, made, temporary, *sources = sys.argv
modules = mypycify(sources, group_name="tonnage", opt_level="3", debug_level="0", target_dir=temporary)
setup(name="tonnage", ext_modules=modules, script_args=["-q", "build_ext", "-b", made, "-t", temporary])
"""


def has_compiler() -> bool:
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    header = Path(sysconfig.get_path("include"), "Python.h")
    return shutil.which(command.split()[0]) is not None and header.exists()


class Compiled(BuildHookInterface):  # type: ignore[misc, type-arg]  # hatchling has no types
    @property
    def is_wanted(self) -> bool:
        return self.target_name == "wheel" and not os.environ.get("TONNAGE_PURE") and has_compiler()

    def dependencies(self) -> list[str]:
        return ["mypy>=1.19", "setuptools>=77"] if self.is_wanted else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or not self.is_wanted:
            return
        modules = compile_once(Path(self.root))
        build_data["force_include"] |= {
            str(path): str(path.relative_to(path.parents[depth])) for path, depth in modules
        }
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compile_once(root: Path) -> list[tuple[Path, int]]:
    """The extension modules, and how many folders up their wheel begins; what was compiled before is used again."""
    target = root / "build" / "compiled" / _digest(root)
    if not (target / "lib").exists():
        work = target / "work"
        shutil.rmtree(target.parent, ignore_errors=True)
        work.mkdir(parents=True)
        shutil.copytree(root / PACKAGE, work / "tonnage", ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, "-c", COMPILER, str(target / "made"), str(target / "temporary")]
        sources = [f"tonnage/{name}" for name in COMPILED]
        subprocess.run([*command, *FLAGS, *sources], cwd=work, check=True)  # noqa: S603 - our own words
        (target / "made").rename(target / "lib")
    found = sorted((target / "lib").rglob("*.so"))
    return [(path, len(path.relative_to(target / "lib").parts) - 1) for path in found]


def _digest(root: Path) -> str:
    """Of all sources, since what is compiled depends on the types of the rest."""
    digest = hashlib.sha256(f"{sys.version}{sysconfig.get_platform()}{COMPILER}{FLAGS}{COMPILED}".encode())
    for path in sorted((root / PACKAGE).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
