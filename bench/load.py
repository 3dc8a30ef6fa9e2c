"""Closed-loop load: as many requests as the server can take, from one core that the server does not use.

wrk for HTTP; for WebSockets, which wrk does not know, echo.py.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .cases import Case

CONNECTIONS = 16
SCRIPT = Path(__file__).with_name("wrk.lua")
ROOT = Path(__file__).parent.parent


class LoadError(Exception):
    """The client could not run, or the server gave it something else than answers."""


@dataclass(frozen=True, slots=True)
class Load:
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: dict[str, int]
    busy: float  # share of one core that the client took: near 1, it was the limit

    def check(self, case: Case) -> list[str]:
        """One error among 10,000 requests is noise; more is an answer nobody asked for.

        Where the client has asked for the end of the connection, a server may end it without a word (RFC 9112 9.6);
        wrk calls that a read error and opens the next one.
        """
        notes = []
        if case.close and self.errors["read"]:
            notes.append("ends connections unannounced")
            self.errors["read"] = 0
        if sum(self.errors.values()) * 10_000 > self.requests or not self.requests:
            named = ", ".join(f"{count:,} {name}" for name, count in self.errors.items() if count)
            raise LoadError(f"errors among {self.requests:,} requests: {named or 'no answers at all'}")
        return notes


def load(case: Case, port: int, core: int, seconds: int) -> Load:
    return _echo(case, port, core, seconds) if case.is_websocket else wrk(case, port, core, seconds)


def wrk(case: Case, port: int, core: int, seconds: int) -> Load:
    command = [
        *("taskset", "--cpu-list", str(core), "wrk", "--threads", "1", "--connections", str(CONNECTIONS)),
        *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(SCRIPT)),
        *(f"--header={name}: {value}" for name, value in case.fields.items()),
        *(f"http://127.0.0.1:{port}{case.path}", "--", *_mode(case)),
    ]
    before = _children_cpu_s()
    said = _run(command, seconds)
    return _parse(said, _children_cpu_s() - before)


def _echo(case: Case, port: int, core: int, seconds: int) -> Load:
    plan = (case.name, str(port), str(CONNECTIONS), str(seconds))
    command = ["taskset", "--cpu-list", str(core), sys.executable, "-m", "bench.echo", *plan]
    found: dict[str, float] = json.loads(_run(command, seconds))
    p50_ms, p99_ms = found["p50_us"] / 1000, found["p99_us"] / 1000
    return Load(int(found["requests"]), found["us"] / 1e6, p50_ms, p99_ms, {}, found["busy"])


def _run(command: Sequence[str], seconds: int) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 20, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise LoadError(f"the client: {exc}") from exc
    if done.returncode:
        raise LoadError(f"the client: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _mode(case: Case) -> Sequence[str]:
    if case.cookies:
        return ["cookies"]
    return ["post", str(case.content)] if case.content else ["get"]


def _parse(output: str, cpu_s: float) -> Load:
    numbers: dict[str, int] = json.loads(output.splitlines()[-1])
    seconds = numbers.pop("us") / 1e6
    requests, p50_us, p99_us = (numbers.pop(key) for key in ("requests", "p50_us", "p99_us"))
    return Load(requests, seconds, p50_us / 1000, p99_us / 1000, numbers, cpu_s / seconds)


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
