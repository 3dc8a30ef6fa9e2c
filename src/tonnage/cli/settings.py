"""`tonnage settings`: every setting, its value, and where that value comes from."""

from __future__ import annotations

from tonnage.config.model import SPECS
from tonnage.config.show import shown
from tonnage.config.sources import Loaded


def run(loaded: Loaded) -> int:
    print(table(loaded))
    return 0


def table(loaded: Loaded) -> str:
    rows = [(name, shown(getattr(loaded.config, name)), loaded.origins[name]) for name in sorted(SPECS)]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:<{first}}  {value:<{min(second, 40)}}  {origin}" for name, value, origin in rows)
