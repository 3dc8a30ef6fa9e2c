"""`tonnage settings`: every setting, its value, and where that value came from."""

from __future__ import annotations

import json
import sys

from tonnage.config import gunicorn
from tonnage.config.model import SPECS
from tonnage.config.resolve import verdict
from tonnage.config.show import plain, shown
from tonnage.config.sources import Loaded

WIDEST_VALUE = 36  # a longer one pushes its origin to the right, instead of all others


def run(loaded: Loaded, *, as_json: bool = False) -> int:
    print(as_object(loaded) if as_json else as_table(loaded))
    for line in (*loaded.obstacles, *loaded.warnings):
        print(f"tonnage: {line}", file=sys.stderr)
    return 0


def as_object(loaded: Loaded) -> str:
    found = {
        name: {"value": plain(getattr(loaded.config, name)), "origin": loaded.origins[name], "built": _is_built(name)}
        for name in SPECS
    }
    return json.dumps(found, indent=2)


def as_table(loaded: Loaded) -> str:
    rows = [(name, shown(getattr(loaded.config, name)), _origin(loaded, name)) for name in SPECS]
    first = max(len(name) for name, _, _ in rows)
    second = min(WIDEST_VALUE, max(len(value) for _, value, _ in rows))
    return "\n".join(f"{name:<{first}}  {value:<{second}}  {origin}" for name, value, origin in rows)


def _origin(loaded: Loaded, name: str) -> str:
    origin = loaded.origins[name]
    return origin if _is_built(name) else f"{origin} (not built yet)"


def _is_built(name: str) -> bool:
    return not isinstance(verdict(name), gunicorn.NotYet)
