"""`python -m tonnage.config.reference` prints docs/reference/settings.md; a test compares the two."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tonnage.config import gunicorn
from tonnage.config.model import SECTIONS, SPECS
from tonnage.config.resolve import verdict
from tonnage.config.setting import Spec, declared
from tonnage.config.show import shown

HEAD = """\
# Settings

Made by `python -m tonnage.config.reference`; change the declarations in `src/tonnage/config/sections/`, not this page.

Sources, weak to strong: default, environment, configuration file (`gunicorn.conf.py`, or `tonnage.toml`, or
`[tool.tonnage]` in `pyproject.toml`), `GUNICORN_CMD_ARGS`, `TONNAGE_CMD_ARGS`, command line. `tonnage settings` prints
every value and where it comes from.

Every key can be set by the environment variable `TONNAGE_` and its name in capitals; the column names the others.
A flag without a value has a `--no-` form, which turns off what the file turned on. Seconds may have a unit (`500ms`,
`2m`), bytes as well (`512k`, `10m`, `1g`).

The last column says what became of Gunicorn 27's setting: *same*, with the difference if there is one; *not yet*, with
the piece of Tonnage that will build it (until then the start warns, or refuses where serving without it would be
wrong); *ignored*, with the reason; *new*, if Gunicorn has none.
"""


def page() -> str:
    return "\n".join([HEAD, *(line for section in SECTIONS for line in _table(section))])


def _table(section: type) -> Iterator[str]:
    specs = list(declared(section))
    yield f"## {specs[0].section}\n"
    yield "| key | flags | environment | default | meaning | Gunicorn |"
    yield "|---|---|---|---|---|---|"
    for spec in specs:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in _row(spec)) + " |"
    yield ""


def _row(spec: Spec) -> tuple[str, ...]:
    flags = [*spec.flags, *([spec.inverse] if spec.inverse else [])]
    return (
        f"`{spec.name}`",
        ", ".join(f"`{flag}`" for flag in flags) or "file only",
        f"`{spec.variable}`" if spec.variable else "",
        f"`{shown(spec.default)}`",
        f"{spec.meaning} {spec.why}".strip(),
        _verdict(spec.name),
    )


def _verdict(name: str) -> str:
    if name not in gunicorn.VERDICTS and name not in gunicorn.NOT_YET:
        return "new"
    match verdict(name):
        case gunicorn.Same(but):
            return f"same, but: {but}" if but else "same"
        case gunicorn.Renamed(to):
            return f"renamed: `{to}`"
        case gunicorn.Ignored(because):
            return f"ignored: {because}"
        case gunicorn.Refused(because):
            return f"refused: {because}"
        case gunicorn.NotYet(piece, stops):
            prefix = "" if name in gunicorn.VERDICTS else "new, "
            return f"{prefix}not yet: {piece}" + (" (refused until then)" if stops else "")


if __name__ == "__main__":
    assert SPECS
    sys.stdout.write(page())
