"""The operator's own logging configuration: a dictionary, a JSON file or an INI file, for `logging.config`.

Gunicorn's rules: dictionary before JSON before INI; what a dictionary leaves out at top level is in DEFAULTS. Unlike
there, each line goes out once (DEFAULTS do not propagate), and a file that does not exist is an error.
"""

from __future__ import annotations

import json
import logging.config
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ParseError
from pathlib import Path
from typing import Final

from tonnage.config.model import Config
from tonnage.errors import ConfigError

DEFAULTS: Final[dict[str, object]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "tonnage.error": {"level": "INFO", "handlers": ["error_console"], "propagate": False},
        "tonnage.access": {"level": "INFO", "handlers": ["console"], "propagate": False},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stdout"},
        "error_console": {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stderr"},
    },
    "formatters": {
        "generic": {
            "class": "logging.Formatter",
            "format": "%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
            "datefmt": "[%Y-%m-%d %H:%M:%S %z]",
        }
    },
}


def apply(config: Config) -> None:
    if config.logconfig_dict:
        _apply_dictionary("logconfig_dict", config.logconfig_dict)
    elif config.logconfig_json:
        _apply_json(Path(config.logconfig_json))
    elif config.logconfig:
        _apply_ini(Path(config.logconfig))


def _apply_dictionary(origin: str, given: Mapping[str, object]) -> None:
    try:
        logging.config.dictConfig({**DEFAULTS, **given})
    except (ValueError, TypeError, AttributeError, ImportError) as exc:
        raise ConfigError(f"{origin}: {_reason(exc)}") from exc


def _apply_json(path: Path) -> None:
    try:
        given = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise ConfigError(f"logconfig_json = {path}: {_reason(exc)}") from exc
    if not isinstance(given, dict):
        raise ConfigError(f"logconfig_json = {path}: must hold one JSON object, as for logging.config.dictConfig")
    _apply_dictionary(f"logconfig_json = {path}", given)


def _apply_ini(path: Path) -> None:
    parser = ConfigParser({"__file__": str(path), "here": str(path.parent)})
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
        logging.config.fileConfig(parser, disable_existing_loggers=False)
    except (OSError, ParseError, KeyError, ValueError, TypeError, AttributeError, ImportError, NameError) as exc:
        raise ConfigError(f"logconfig = {path}: {_reason(exc)}") from exc


def _reason(exc: BaseException) -> str:
    """With the cause that dictConfig keeps behind its own "Unable to configure handler 'x'"."""
    text = f"section {exc} is missing" if type(exc) is KeyError else str(exc)
    return f"{text}: {exc.__cause__}" if exc.__cause__ else text
