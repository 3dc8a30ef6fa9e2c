"""The help text: every flag under its section, from the declarations."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from tonnage.config import gunicorn
from tonnage.config.model import SPECS
from tonnage.config.resolve import verdict
from tonnage.config.setting import Spec
from tonnage.config.show import shown

WIDTH = 100
INDENT = 30

HEAD = """\
usage: tonnage APP [flags]             serve an application; the same as `tonnage serve APP`
       tonnage check APP [flags]       would it start? tries settings, application, TLS files and addresses
       tonnage settings [flags]        every setting, its value and where that comes from (--json)
       tonnage doctor [APP] [flags]    what the machine and the proxy in front allow of it, and what caps it
                                       (--front nginx.conf or Caddyfile, --json, --strict: exit 1 when something does)
       tonnage footprint APP [--paths /,/x] [--requests N] [--seconds N] [--processes N] [--json] [flags]
                                       what one worker costs: memory, CPU, waiting, growth, on a private server
       tonnage plan APP [flags]        what to run it with, and what binds: measured, every term told (see the how-to)
       tonnage status | top | workers add [N] | workers remove [N] | reload | reopen | stop | upgrade
                       [--control-socket PATH | --pid FILE | -c FILE]
                                       ask a running server, or steer it; the only one needs no name
       tonnage --version | --help

APP is module, module:name or module:factory(arguments); without a name, `application` or `app` is looked for.
Gunicorn's command lines and gunicorn.conf.py files work as they are. A flag wins over TONNAGE_CMD_ARGS and
GUNICORN_CMD_ARGS, those over the file, the file over the environment. A flag without a value has a --no- form.
"""


def usage() -> str:
    lines = [HEAD]
    section = ""
    for spec in SPECS.values():
        if spec.flags and not isinstance(verdict(spec.name), gunicorn.Ignored):
            if spec.section != section:
                section = spec.section
                lines.append(f"{section}\n")
            lines += [*_entry(spec), ""]
    return "\n".join(lines)


def _entry(spec: Spec) -> Iterator[str]:
    names = "  " + ", ".join(spec.flags) + (f" {_value(spec)}" if spec.kind.metavar else "")
    later = " Not built yet." if isinstance(verdict(spec.name), gunicorn.NotYet) else ""
    text = wrap(f"{spec.meaning}{later} [{shown(spec.default)}]", WIDTH - INDENT, break_on_hyphens=False)
    if len(names) < INDENT - 1:
        names = names.ljust(INDENT) + text.pop(0)
    yield names
    for line in text:
        yield " " * INDENT + line


def _value(spec: Spec) -> str:
    return f"[{spec.kind.metavar}]" if spec.bare else spec.kind.metavar
