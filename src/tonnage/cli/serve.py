"""`tonnage serve APP`, or just `tonnage APP`."""

from __future__ import annotations

import os

from tonnage import serve
from tonnage.cli import daemon
from tonnage.config.sources import Loaded
from tonnage.errors import ConfigError
from tonnage.supervisor.upgrade import VARIABLE


def run(loaded: Loaded) -> int:
    refuse_the_impossible(loaded)
    detached = VARIABLE in os.environ  # an upgrade has started us: there is no terminal to leave
    return daemon.detach(loaded, serve.serve) if loaded.config.daemon and not detached else serve.serve(loaded)


def refuse_the_impossible(loaded: Loaded) -> None:
    """Raises ConfigError when there is nothing to serve, or when serving would not be what was asked for."""
    if loaded.config.wsgi_app is None and loaded.config.paste is None:
        raise ConfigError(
            "no application is named: try `tonnage mysite.wsgi` (or module:name, module:factory()), or set wsgi_app"
        )
    if loaded.obstacles:
        raise ConfigError("; ".join(loaded.obstacles))
