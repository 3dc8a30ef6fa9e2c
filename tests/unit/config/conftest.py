import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tonnage.config.sources import Loaded, load

Load = Callable[..., Loaded]


@pytest.fixture(autouse=True)
def _own_import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """`load` makes directories importable; no other test shall see them, nor what was imported from them."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """`loaded("-w 3", {"PORT": "80"})`: a command line, as one would type it, in a directory of its own."""

    def read(line: str = "", environ: Mapping[str, str] | None = None) -> Loaded:
        return load(line.split(), environ or {}, tmp_path)

    return read
