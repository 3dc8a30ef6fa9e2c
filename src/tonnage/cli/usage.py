"""The help text, grouped by section."""

from __future__ import annotations

from tonnage.config.command_line import parser


def usage() -> str:
    return parser("tonnage").format_help()
