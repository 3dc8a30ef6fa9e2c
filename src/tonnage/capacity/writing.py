"""A plan as a configuration file, the evidence beside each setting. Never over a file that is there, unless forced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from tonnage.capacity import explain
from tonnage.capacity.planner import Plan
from tonnage.errors import ConfigError

WIDTH = 100


def check(path: Path, *, force: bool) -> None:
    """Before anything is measured: raises ConfigError when `write` would refuse it."""
    if path.name == "pyproject.toml" or path.suffix not in (".py", ".toml"):
        raise ConfigError(f"--write {path}: name a file of its own that ends in .py or .toml, such as gunicorn.conf.py")
    if path.exists() and not force:
        raise ConfigError(f"--write {path}: the file is there; --force writes over it")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--write {path}: there is no such directory")


def write(plan: Plan, path: Path, day: str, *, force: bool) -> None:
    """`gunicorn.conf.py` and its like are Python, anything that ends in .toml is TOML. Raises ConfigError."""
    check(path, force=force)
    text = "\n".join(content(plan, day, "true" if path.suffix == ".toml" else "True")) + "\n"
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as exc:
        raise ConfigError(f"--write {path}: {exc.strerror}") from exc


def content(plan: Plan, day: str, yes: str) -> Iterator[str]:
    """Python and TOML write all of it alike, but for `yes`."""
    chosen, wishes = plan.choice, plan.wishes
    yield from _comment(f"Written by `tonnage plan {plan.app}` on {day}, from what was measured on that machine.")
    yield ""
    yield from _comment(explain.verdict(plan))
    for row in explain.table(chosen.solution):
        yield from _comment(" ".join(row.split()))
    yield from _comment(explain.one_more(chosen.solution))
    yield f"workers = {plan.workers}"
    yield ""
    for reason in plan.reasons:
        yield from _comment(reason)
    yield f'worker_class = "{chosen.worker_class}"'
    if chosen.worker_class == "gthread":
        yield f"threads = {chosen.threads}"
    fixed = {"preload_app": yes} if wishes.preload else {}
    fixed |= {"max_requests": str(wishes.max_requests)} if wishes.max_requests else {}
    fixed |= {"reload_surge": str(wishes.surge)} if wishes.surge != 1 else {}
    if fixed:
        yield ""
        yield from _comment("The plan counts on these, as they were set when it was made.")
        yield from (f"{name} = {value}" for name, value in fixed.items())


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))
