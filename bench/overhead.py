"""What it costs to know what the server does: CPU per request with and without, side by side in one run.

    python -m bench.overhead [ROUNDS]

Two servers from the same source, one worker each, serve hello-world. From the one everything is taken out that is
counted for metrics, status and advice, in the worker and in the supervisor; the request line and its time stay, for the
log of a hung or dead worker needs them. wrk loads them in turn, for a second each, and the CPU clock of the worker is
read before and after: what disturbs the machine disturbs neighbours alike, and the median of their ratios is told. Pure
Python: nothing can be taken out of what is compiled.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tonnage.system.cputime import used_ns

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "12")])
    return [b"hello world\\n"]
"""
WITH = "from tonnage.cli.main import main; raise SystemExit(main())"
WITHOUT = f"""
from tonnage.supervisor.observer import Observer
from tonnage.system.scoreboard import Slot
from tonnage.workers.desk import Desk

def nothing(*_): pass

Slot.count = Slot.count_wait = Slot.count_parts = Slot.waited = nothing
Desk._count = nothing
Observer.turn = nothing
Observer.next_at = float("inf")
{WITH}
"""
SHARE = 0.03  # what it may cost


class Server:
    def __init__(self, program: str, directory: Path) -> None:
        ready, tell = os.pipe()
        command = [sys.executable, "-c", program, "app:app", "--workers", "1", "--log-level", "warning"]
        self.process = subprocess.Popen(
            [*command, "--bind", "127.0.0.1:0", "--ready-fd", str(tell)], cwd=directory, pass_fds=[tell]
        )
        os.close(tell)
        with os.fdopen(ready) as pipe:
            self.url = pipe.read().strip()
        pid = self.process.pid
        self.worker = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def cost_us(self) -> float:
        """Of one request."""
        before = used_ns(self.worker)
        done = subprocess.run(["wrk", "-t1", "-c16", "-d1s", self.url], capture_output=True, text=True, check=True)
        found = re.search(r"(\d+) requests in", done.stdout)
        assert found is not None, done.stdout
        return (used_ns(self.worker) - before) / int(found[1]) / 1e3

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


def main(rounds: int) -> int:
    if shutil.which("wrk") is None:
        print("wrk is not here: apt-get install wrk", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        Path(directory, "app.py").write_text(APP)
        servers = [Server(program, Path(directory)) for program in (WITH, WITHOUT)]
        for server in servers:
            stack.callback(server.close)
        began, began_ns = time.monotonic(), used_ns(servers[0].process.pid)
        pairs = [_pair(servers, number) for number in range(rounds + 1)][1:]
        supervisor = (used_ns(servers[0].process.pid) - began_ns) / 1e9 / (time.monotonic() - began)
    ratios = sorted(full / bare - 1 for full, bare in pairs)
    for name, costs in (("with", [full for full, _ in pairs]), ("without", [bare for _, bare in pairs])):
        print(f"{name:8} {statistics.median(costs):6.2f} us of CPU a request, at best {min(costs):.2f}")
    share, quarter = statistics.median(ratios), len(ratios) // 4
    print(
        f"in the worker {share:+.1%} (half of the pairs from {ratios[quarter]:+.1%} to {ratios[-1 - quarter]:+.1%}); "
        f"the supervisor takes {supervisor:.2%} of a CPU"
    )
    return 0 if share < SHARE else 1


def _pair(servers: Sequence[Server], number: int) -> tuple[float, float]:
    first, second = servers
    if number % 2:
        return first.cost_us(), second.cost_us()
    bare = second.cost_us()
    return first.cost_us(), bare


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
