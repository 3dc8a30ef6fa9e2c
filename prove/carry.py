"""`python -m prove.carry`: what `workers = auto` chooses is carried, and two more are what it said they would be.

In control groups of 128, 256 and 512 MiB with 0.5, 1 and 1.5 CPUs an application of a known size is served with
`workers = auto`, and has load for two minutes (`--seconds`). Then the same with two more. Predicted is, from the
figures that the log gives: where they do not fit into the memory, the kernel kills; where they do, they answer no
faster.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from .cells import MIB, Cell, NoCellError, cell

SIZES = {128: 32, 256: 55, 512: 96}  # MiB of the group: of the application, far from where one more would just fit
CPUS = (0.5, 1.0, 1.5)
CLIENTS = 8
BOOT_S = 120.0
FASTER = 1.15  # what two more may bring where the CPU is spent; the rest is the noise of a machine with other load
APP = """
import os, time

held = bytearray(int(os.environ["MIB"]) << 20)
held[::4096] = b"x" * len(held[::4096])

def application(environ, start_response):
    until = time.thread_time() + 0.004
    while time.thread_time() < until:
        pass
    time.sleep(0.004)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
CHOSEN = re.compile(r"(\d+) workers? \(workers = auto\): (?:bound by )?(\w+)")
MEMORY = re.compile(
    r"memory: \d+ = floor\(\(([\d.]+) MiB x 90 % - ([\d.]+) MiB - ([\d.]+) MiB - ([\d.]+) MiB\) / \(([\d.]+) MiB"
)
KILLED = re.compile(r"killed by SIGKILL.*out-of-memory killer")


@dataclass(frozen=True)
class Stretch:
    workers: int
    requests: int
    failed: int
    seconds: float
    oom_kills: int
    limit_hits: int
    peak_mib: float
    told: bool  # the log names the kernel's killer

    @property
    def rps(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True)
class Shown:
    memory_mib: int
    cpus: float
    app_mib: int
    by: str
    fit: int  # workers that fit into the memory, nothing kept free
    chosen: Stretch
    more: Stretch

    @property
    def kills(self) -> bool:
        return self.more.workers > self.fit

    @property
    def is_carried(self) -> bool:
        return self.chosen.oom_kills == 0 and self.chosen.failed == 0

    @property
    def is_as_predicted(self) -> bool:
        if self.kills:
            return self.more.oom_kills > 0 and self.more.told
        return self.more.oom_kills == 0 and self.more.rps <= self.chosen.rps * FASTER


def show(memory_mib: int, cpus: float, seconds: float) -> Shown:
    app_mib = SIZES[memory_mib]
    chosen, log = _stretch(memory_mib, cpus, app_mib, 0, seconds)
    found, terms = CHOSEN.search(log), MEMORY.search(log)
    assert found is not None, log
    assert terms is not None, log
    limit, others, server, extra, each = map(float, terms.groups())
    fit = int((limit - others - server - extra) / each)
    more, _ = _stretch(memory_mib, cpus, app_mib, chosen.workers + 2, min(seconds, 30.0))
    return Shown(memory_mib, cpus, app_mib, found[2], fit, chosen, more)


def _stretch(memory_mib: int, cpus: float, app_mib: int, workers: int, seconds: float) -> tuple[Stretch, str]:
    """`workers` 0: auto."""
    with tempfile.TemporaryDirectory() as directory, cell(memory_mib, cpus) as made:
        place = Path(directory)
        (place / "app.py").write_text(APP)
        with _served(place, made, app_mib, workers) as port:
            count = workers or int(_until(place / "log", CHOSEN)[1])
            if not workers:
                _until(place / "log", re.compile(rf"(Booting worker(.|\n)*){{{count}}}"))
            requests, failed, took_s = _load(port, seconds)
        log = (place / "log").read_text()
        told = KILLED.search(log) is not None
        figures = (made.oom_kills(), made.limit_hits(), made.peak_octets() / MIB)
        return Stretch(count, requests, failed, took_s, *figures, told), log


@contextmanager
def _served(place: Path, made: Cell, app_mib: int, workers: int) -> Iterator[int]:
    flags = ["--workers", str(workers or "auto"), "--bind", "127.0.0.1:0", "--log-file", str(place / "log")]
    command = made.within([sys.executable, "-m", "tonnage", "app", *flags, "--no-control-socket"])
    environ = {**os.environ, "MIB": str(app_mib)}
    process = subprocess.Popen(command, cwd=place, env=environ, start_new_session=True)
    try:
        yield int(_until(place / "log", re.compile(r"Listening at: http://127.0.0.1:(\d+)"))[1])
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _until(log: Path, pattern: re.Pattern[str]) -> re.Match[str]:
    deadline = time.monotonic() + BOOT_S
    while time.monotonic() < deadline:
        if log.exists() and (found := pattern.search(log.read_text())):
            return found
        time.sleep(0.05)
    raise TimeoutError(f"{pattern.pattern!r} was not logged:\n{log.read_text() if log.exists() else ''}")


def _load(port: int, seconds: float) -> tuple[int, int, float]:
    """(answered, failed, seconds), each client asking again as soon as it has its answer."""
    counts = [[0, 0] for _ in range(CLIENTS)]
    began = time.monotonic()

    def client(mine: list[int]) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        while time.monotonic() < began + seconds:
            try:
                connection.request("GET", "/")
                mine[connection.getresponse().read() != b"ok"] += 1
            except (OSError, HTTPException):
                mine[1] += 1
                connection.close()
                time.sleep(0.05)  # to be refused at full speed would be load of another kind
        connection.close()

    threads = [threading.Thread(target=client, args=(mine,)) for mine in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(each[0] for each in counts), sum(each[1] for each in counts), time.monotonic() - began


# -- the page ----------------------------------------------------------------------------------------------------------


def row(each: Shown) -> str:
    chosen, more = each.chosen, each.more
    predicted = "killed" if each.kills else "not faster"
    happened = f"{more.oom_kills} killed" if more.oom_kills else f"{more.rps:.0f}/s"
    return (
        f"| {each.memory_mib} MiB | {each.cpus:g} | {each.app_mib} MiB | {chosen.workers} | {each.by} "
        f"| {chosen.requests} in {chosen.seconds:.0f} s ({chosen.rps:.0f}/s), {chosen.failed} failed "
        f"| {chosen.peak_mib:.0f} MiB | {chosen.oom_kills} | {more.workers}: {predicted} | {happened} "
        f"| {'yes' if each.is_carried and each.is_as_predicted else '**no**'} |"
    )


HEAD = """\
| memory | CPUs | application | chosen | bound by | load | peak | killed | two more, predicted | happened | held |
|---|---|---|---|---|---|---|---|---|---|---|"""


def main() -> int:
    parser = argparse.ArgumentParser("python -m prove.carry")
    parser.add_argument("--seconds", type=float, default=120.0, help="of load on what was chosen")
    parser.add_argument("--memory", type=int, action="append", choices=list(SIZES), help="only this one, in MiB")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    if shutil.which("tonnage") is None and "PYTHONPATH" not in os.environ:
        parser.error("tonnage is not installed here")
    print(HEAD, flush=True)
    found: list[Shown] = []
    for memory_mib in options.memory or SIZES:
        for cpus in CPUS:
            try:
                found.append(show(memory_mib, cpus, options.seconds))
            except NoCellError as exc:
                print(exc, file=sys.stderr)
                return 2
            print(row(found[-1]), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    return 0 if all(each.is_carried and each.is_as_predicted for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
